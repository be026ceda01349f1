package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// The steps.
const (
	alignStep = "align" // MSE of the heads of all layers; trains the feature maps and q, k, v
	klStep    = "kl"    // KL of the logits; trains everything
)

// shape sizes a Llama with tied embeddings.
type shape struct {
	Name    string `json:"name"`
	Vocab   int    `json:"vocab"`
	Hidden  int    `json:"hidden"`
	FFN     int    `json:"ffn"`
	Layers  int    `json:"layers"`
	Heads   int    `json:"heads"`
	KVHeads int    `json:"kv_heads"`
	HeadDim int    `json:"head_dim"`
}

// shapes are those of SmolLM2-135M and stories260K.
var shapes = map[string]shape{
	"135m":        {"SmolLM2-135M", 49152, 576, 1536, 30, 9, 3, 64},
	"stories260k": {"stories260K", 512, 64, 172, 5, 8, 4, 8},
}

func shapeOf(name string) (shape, error) {
	s, ok := shapes[name]
	if !ok {
		return s, fmt.Errorf("model %q: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(shapes)), ", "))
	}
	return s, nil
}

// task is a step to measure and who is to take it.
type task struct {
	Contestant string `json:"contestant"`
	Model      shape  `json:"model"`
	Step       string `json:"step"`
	Tokens     int    `json:"tokens"`
	Batch      int    `json:"batch"`
	Threads    int    `json:"threads"`
	Form       string `json:"form"`    // of PyTorch's linear attention
	Device     string `json:"device"`  // PyTorch's
	Weights    string `json:"weights"` // a safetensors file of the student; the teacher's are among them
}

// models describes the teacher, and the student whose layers are all hedgehog.
func (c task) models() (teacher, student *arch.Model, err error) {
	s := c.Model
	text, err := json.Marshal(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": s.Vocab, "hidden_size": s.Hidden,
		"intermediate_size": s.FFN, "num_hidden_layers": s.Layers, "num_attention_heads": s.Heads,
		"num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
	})
	if err != nil {
		return nil, nil, err
	}
	if teacher, err = arch.Describe(text); err != nil {
		return nil, nil, err
	}
	mixer, err := arch.ParseMixer("hedgehog")
	if err != nil {
		return nil, nil, err
	}
	student, err = teacher.WithMixers(slices.Repeat([]arch.Mixer{mixer}, s.Layers))
	return teacher, student, err
}

// trains reports whether the step trains a tensor of the student.
func (c task) trains(w arch.Weight) bool {
	return c.Step == klStep || w.Group == "mixer" || w.Group == "attention" && !strings.HasSuffix(w.Name, "o_proj.weight")
}

// write makes the weights up: matrices N(0, 1/columns), norms 1.
func (c task) write() error {
	_, student, err := c.models()
	if err != nil {
		return err
	}
	var tensors []checkpoints.Source
	for i, w := range student.Weights() {
		n := 1
		for _, d := range w.Shape {
			n *= d
		}
		scale := 1 / math.Sqrt(float64(w.Shape[len(w.Shape)-1]))
		source := checkpoints.Source{Name: w.Name, DType: checkpoints.F32, Shape: w.Shape}
		source.Data = func() ([]byte, error) {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			data := make([]float32, n)
			for k := range data {
				if data[k] = 1; len(w.Shape) > 1 {
					data[k] = float32(random.NormFloat64() * scale)
				}
			}
			return checkpoints.EncodeFloat32(data, checkpoints.F32)
		}
		tensors = append(tensors, source)
	}
	return checkpoints.WriteFile(c.Weights, tensors, nil)
}

// flops is what the matrix products of a step take at the least: of an attention's
// scores the half below the diagonal, of a backward pass what leads to something trained.
func (c task) flops() float64 {
	s, d := c.Model, float64(c.Model.HeadDim)
	wide, kv := float64(s.Heads*s.HeadDim), float64(s.KVHeads*s.HeadDim)
	e, t := float64(s.Hidden), float64(c.Tokens)
	qkv := 2 * e * (wide + 2*kv)
	rest := 2*e*wide + 6*e*float64(s.FFN) // o_proj and the MLP
	softmax := 2 * t * wide
	const features, chunk = 2, 64
	maps := 4 * wide * d
	linear := wide * (4*features*d + chunk*(features+1)) // state and reading it, and half of a block
	head := 2 * e * float64(s.Vocab)
	n := float64(s.Layers)
	var token float64
	if c.Step == alignStep {
		// The backward pass needs no gradient of what q, k and v are made from.
		token = n*(qkv+softmax) + (n-1)*rest + n*(2*qkv+3*maps+3*linear)
	} else {
		token = n*(qkv+softmax+rest) + head + 3*(n*(qkv+maps+linear+rest)+head)
	}
	return token * float64(c.Batch*c.Tokens)
}

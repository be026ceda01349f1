package main

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/demo/gosource"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// The files of the work folder.
const (
	trainName  = "train.txt"
	heldName   = "heldout.txt"
	recipeName = "recipe.yaml"
	sourceName = "SOURCE.txt" // what the text is
	initName   = "init"       // the random model
)

//go:embed recipe.yaml
var recipe []byte

// The teacher's shape: 1.5 million parameters, a third of them in the embedding.
// Four layers, so that a hybrid with a quarter of softmax keeps exactly one.
const (
	vocab, layers, hidden, ffn = 2048, 4, 160, 448
	heads, kvHeads, headDim    = 4, 2, 40
	positions                  = 512
	initStd                    = 0.02
)

type keyValue struct {
	key   string
	value any
}

// config lists config.json in the order in which transformers writes it.
func config(dtype string) (*checkpoints.Config, error) {
	c := checkpoints.NewConfig()
	for _, kv := range []keyValue{
		{"architectures", []string{"LlamaForCausalLM"}},
		{"attention_bias", false},
		{"attention_dropout", 0},
		{"bos_token_id", 0},
		{"eos_token_id", 0},
		{"head_dim", headDim},
		{"hidden_act", "silu"},
		{"hidden_size", hidden},
		{"initializer_range", initStd},
		{"intermediate_size", ffn},
		{"max_position_embeddings", positions},
		{"mlp_bias", false},
		{"model_type", "llama"},
		{"num_attention_heads", heads},
		{"num_hidden_layers", layers},
		{"num_key_value_heads", kvHeads},
		{"rms_norm_eps", 1e-5},
		{"rope_scaling", nil},
		{"rope_theta", 10000},
		{"tie_word_embeddings", true},
		{"torch_dtype", dtype},
		{"use_cache", true},
		{"vocab_size", vocab},
	} {
		if err := c.Set(kv.key, kv.value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepare fills the work folder with all that training needs.
func (o *options) prepare(stdout io.Writer) error {
	goroot := o.goroot
	if goroot == "" {
		var err error
		if goroot, err = gosource.Find(); err != nil {
			return err
		}
	}
	lib, err := gosource.Read(goroot)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	train, held := gosource.Join(lib.Train), gosource.Join(lib.HeldOut)
	source := fmt.Sprintf("%s: %d files (%d bytes) to train on, %d files (%d bytes) held out\n",
		gosource.Version(goroot), len(lib.Train), len(train), len(lib.HeldOut), len(held))
	for name, data := range map[string][]byte{trainName: train, heldName: held, recipeName: recipe, sourceName: []byte(source)} {
		if err := os.WriteFile(filepath.Join(o.work, name), data, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprint(stdout, source)
	return o.writeInit(stdout, lib.Train)
}

// writeInit makes the model that training starts from.
func (o *options) writeInit(stdout io.Writer, docs []gosource.Document) error {
	vocabulary, err := tokenizer.Train(texts(docs), tokenizer.TrainOptions{
		VocabSize: vocab, Special: []string{gosource.Separator}, BOS: gosource.Separator,
	})
	if err != nil {
		return err
	}
	c, err := config("float32")
	if err != nil {
		return err
	}
	m, err := arch.Describe(c.Bytes())
	if err != nil {
		return err
	}
	parameters := 0
	var weights []checkpoints.Source
	for _, w := range m.Weights() {
		data := initial(w, m.Layers, o.seed)
		parameters += len(data)
		weights = append(weights, checkpoints.FromFloat32(w.Name, w.Shape, data, checkpoints.F32))
	}
	dir := filepath.Join(o.work, initName)
	fmt.Fprintf(stdout, "%s: %d parameters\n", dir, parameters)
	return checkpoints.Write(dir, checkpoints.Output{
		Config: c, Tensors: weights, Overwrite: true,
		Files: map[string][]byte{
			tokenizer.FileName:       vocabulary,
			"tokenizer_config.json":  []byte(tokenizerConfig),
			"generation_config.json": []byte("{\n  \"_from_model_config\": true,\n  \"bos_token_id\": 0,\n  \"eos_token_id\": 0\n}\n"),
		},
	})
}

const tokenizerConfig = `{
  "add_bos_token": true,
  "bos_token": "<|endoftext|>",
  "clean_up_tokenization_spaces": false,
  "eos_token": "<|endoftext|>",
  "model_max_length": 512,
  "tokenizer_class": "PreTrainedTokenizerFast"
}
`

func texts(docs []gosource.Document) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, d := range docs {
			if !yield(d.Text) {
				return
			}
		}
	}
}

// initial draws a tensor as GPT-2 is initialised: norms 1, matrices normal with
// standard deviation 0.02, and those that write to the residual stream narrower by
// √(2·layers), the number of its terms. The stream of numbers depends on the
// tensor's name, so that one more tensor changes no other.
func initial(w arch.Weight, layers int, seed uint64) []float32 {
	n := 1
	for _, d := range w.Shape {
		n *= d
	}
	data := make([]float32, n)
	if len(w.Shape) == 1 {
		for i := range data {
			data[i] = 1
		}
		return data
	}
	std := initStd
	if slices.ContainsFunc([]string{".o_proj.", ".down_proj."}, func(part string) bool { return strings.Contains(w.Name, part) }) {
		std /= math.Sqrt(2 * float64(layers))
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(w.Name)) // never fails
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	for i := range data {
		data[i] = float32(std * rng.NormFloat64())
	}
	return data
}

package main

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// dimensions size the model, whose head is not tied. What is zero is as in a small
// Llama: heads of 64, a quarter of them for keys and values, an MLP of four times the width.
type dimensions struct{ layers, width, vocab, ffn, headDim, kvHeads int }

// write streams the model to the disk, one tensor after the other.
func (d dimensions) write(dir string) error {
	headDim, kvHeads, ffn := cmp.Or(d.headDim, 64), cmp.Or(d.kvHeads, d.width/256), cmp.Or(d.ffn, 4*d.width)
	config := checkpoints.NewConfig()
	for key, value := range map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": d.vocab,
		"hidden_size": d.width, "num_hidden_layers": d.layers, "intermediate_size": ffn, "head_dim": headDim,
		"num_attention_heads": d.width / headDim, "num_key_value_heads": kvHeads, "torch_dtype": "bfloat16",
	} {
		if err := config.Set(key, value); err != nil {
			return err
		}
	}
	model, err := arch.Describe(config.Bytes())
	if err != nil {
		return err
	}
	var tensors []checkpoints.Source
	for _, w := range model.Weights() {
		s := checkpoints.Source{Name: w.Name, DType: checkpoints.BF16, Shape: w.Shape}
		s.Data = func() ([]byte, error) { return noise(s.Bytes()), nil }
		tensors = append(tensors, s)
	}
	return checkpoints.Write(dir, checkpoints.Output{Config: config, Tensors: tensors})
}

// noise is n bytes of bfloat16 numbers of either sign around 0.01, which no disk can
// compress to nothing.
func noise(n int64) []byte {
	data := make([]byte, n)
	r := rand.NewPCG(uint64(n), 0)
	for i := 0; i+8 <= len(data); i += 8 {
		binary.LittleEndian.PutUint64(data[i:], r.Uint64()&0x807f807f807f807f|0x3c003c003c003c00)
	}
	return data
}

package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// dimensions size the model, whose head is not tied. What is zero is as in a small
// Llama: heads of 64, a quarter of them for keys and values, an MLP of four times the width.
type dimensions struct {
	layers, width, vocab, ffn, headDim, kvHeads, shardMB int

	cached bool // its weight files are links to blobs that are named by their digests
}

type intFlag struct {
	value *int
	usage string
}

// flags lists the numbers by the names of their flags, with defaults for what has none yet.
func (d *dimensions) flags() map[string]intFlag {
	d.layers, d.width, d.vocab = cmp.Or(d.layers, 15), cmp.Or(d.width, 2048), cmp.Or(d.vocab, 32000)
	return map[string]intFlag{
		"layers":   {&d.layers, "layers"},
		"width":    {&d.width, "hidden size, a multiple of 256"},
		"vocab":    {&d.vocab, "vocabulary"},
		"ffn":      {&d.ffn, "width of the MLP; four times that of the model when 0"},
		"head-dim": {&d.headDim, "width of a head; 64 when 0"},
		"kv-heads": {&d.kvHeads, "heads of keys and values; a quarter of all when 0"},
		"shard":    {&d.shardMB, "largest weight file in MB; as a conversion writes them when 0"},
	}
}

// write streams the model to the disk, one tensor after the other.
func (d *dimensions) write(dir string) error {
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
	err = checkpoints.Write(dir, checkpoints.Output{Config: config, Tensors: tensors, MaxShardSize: int64(d.shardMB) * 1e6})
	if err != nil || !d.cached {
		return err
	}
	return intoCache(dir)
}

// intoCache moves the weight files to where the Hub's cache would have them.
func intoCache(dir string) error {
	folder, err := checkpoints.Open(dir)
	if err != nil {
		return err
	}
	digests, err := folder.Digests()
	if err = errors.Join(err, folder.Close()); err != nil {
		return err
	}
	blobs := filepath.Join(filepath.Dir(dir), "blobs")
	if err := os.MkdirAll(blobs, 0o777); err != nil {
		return err
	}
	for name, sum := range digests {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(blobs, sum)); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join("..", "blobs", sum), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
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

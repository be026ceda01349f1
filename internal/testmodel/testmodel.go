// Package testmodel writes real, tiny Hugging Face checkpoints with random weights,
// so that no test needs the network.
//
// [Llama] writes one into the test's own temporary folder: config.json, weights,
// generation config and a byte-level tokenizer. Weights depend on the seed and the
// tensor's name alone: the bfloat16 or sharded form of a model is the same model.
package testmodel

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// Options size a model. What is zero takes the default behind it.
type Options struct {
	Vocab   int // 96
	Hidden  int // 32
	Layers  int // 2
	Heads   int // 4
	KVHeads int // 2
	HeadDim int // 8; Heads*HeadDim need not be Hidden
	FFN     int // 48

	Tied    bool // no lm_head.weight
	QKVBias bool // attention_bias, which gives q, k, v and o a bias

	DType  checkpoints.DType // F32, F16 or BF16; F32
	Shards int               // at least so many weight files; 1
	Seed   uint64
}

func (o Options) withDefaults() Options {
	o.Vocab = cmp.Or(o.Vocab, 96)
	o.Hidden = cmp.Or(o.Hidden, 32)
	o.Layers = cmp.Or(o.Layers, 2)
	o.Heads = cmp.Or(o.Heads, 4)
	o.KVHeads = cmp.Or(o.KVHeads, 2)
	o.HeadDim = cmp.Or(o.HeadDim, 8)
	o.FFN = cmp.Or(o.FFN, 48)
	o.DType = cmp.Or(o.DType, checkpoints.F32)
	o.Shards = cmp.Or(o.Shards, 1)
	return o
}

// Llama writes a LlamaForCausalLM and returns its folder.
func Llama(tb testing.TB, opts Options) string {
	tb.Helper()
	o := opts.withDefaults()
	config := checkpoints.NewConfig()
	for _, kv := range o.config() {
		if err := config.Set(kv.key, kv.value); err != nil {
			tb.Fatal(err)
		}
	}
	tokenizer, err := byteLevel(o.Vocab)
	if err != nil {
		tb.Fatal(err)
	}
	tensors := o.tensors()
	dir := filepath.Join(tb.TempDir(), "llama")
	err = checkpoints.Write(dir, checkpoints.Output{
		Config:       config,
		Tensors:      tensors,
		MaxShardSize: shardSize(tensors, o.Shards),
		Files: map[string][]byte{
			"generation_config.json": []byte("{\n  \"_from_model_config\": true,\n  \"bos_token_id\": 0,\n  \"eos_token_id\": 1\n}\n"),
			"tokenizer.json":         tokenizer,
			"tokenizer_config.json":  []byte("{\n  \"bos_token\": \"<s>\",\n  \"eos_token\": \"</s>\",\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n"),
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// shardSize returns the largest size that gives at least n shards.
func shardSize(tensors []checkpoints.Source, n int) int64 {
	var total int64
	for _, t := range tensors {
		total += t.Bytes()
	}
	if n <= 1 {
		return total
	}
	size := total
	for size > 1 && len(checkpoints.PlanShards(tensors, size)) < n {
		size = size * 15 / 16
	}
	return size
}

type keyValue struct {
	key   string
	value any
}

func (o Options) config() []keyValue {
	torch := map[checkpoints.DType]string{checkpoints.F32: "float32", checkpoints.F16: "float16", checkpoints.BF16: "bfloat16"}
	return []keyValue{
		{"architectures", []string{"LlamaForCausalLM"}},
		{"attention_bias", o.QKVBias},
		{"attention_dropout", 0},
		{"bos_token_id", 0},
		{"eos_token_id", 1},
		{"head_dim", o.HeadDim},
		{"hidden_act", "silu"},
		{"hidden_size", o.Hidden},
		{"initializer_range", 0.02},
		{"intermediate_size", o.FFN},
		{"max_position_embeddings", 512},
		{"mlp_bias", false},
		{"model_type", "llama"},
		{"num_attention_heads", o.Heads},
		{"num_hidden_layers", o.Layers},
		{"num_key_value_heads", o.KVHeads},
		{"rms_norm_eps", 1e-5},
		{"rope_scaling", nil},
		{"rope_theta", 10000},
		{"tie_word_embeddings", o.Tied},
		{"torch_dtype", torch[o.DType]},
		{"use_cache", true},
		{"vocab_size", o.Vocab},
	}
}

// tensors lists the weights in the order of the model. Matrices have a standard
// deviation of 1/√in, so that every layer does something and logits are not flat.
func (o Options) tensors() []checkpoints.Source {
	var out []checkpoints.Source
	add := func(name string, mean, std float64, shape ...int) {
		out = append(out, o.random(name, mean, std, shape))
	}
	linear := func(name string, rows, cols int, bias bool) {
		add(name+".weight", 0, 1/math.Sqrt(float64(cols)), rows, cols)
		if bias {
			add(name+".bias", 0, 0.2, rows)
		}
	}
	q, kv := o.Heads*o.HeadDim, o.KVHeads*o.HeadDim
	add("model.embed_tokens.weight", 0, 0.5, o.Vocab, o.Hidden)
	for i := range o.Layers {
		p := fmt.Sprintf("model.layers.%d.", i)
		add(p+"input_layernorm.weight", 1, 0.1, o.Hidden)
		linear(p+"self_attn.q_proj", q, o.Hidden, o.QKVBias)
		linear(p+"self_attn.k_proj", kv, o.Hidden, o.QKVBias)
		linear(p+"self_attn.v_proj", kv, o.Hidden, o.QKVBias)
		linear(p+"self_attn.o_proj", o.Hidden, q, o.QKVBias)
		add(p+"post_attention_layernorm.weight", 1, 0.1, o.Hidden)
		linear(p+"mlp.gate_proj", o.FFN, o.Hidden, false)
		linear(p+"mlp.up_proj", o.FFN, o.Hidden, false)
		linear(p+"mlp.down_proj", o.Hidden, o.FFN, false)
	}
	add("model.norm.weight", 1, 0.1, o.Hidden)
	if !o.Tied {
		add("lm_head.weight", 0, 2/math.Sqrt(float64(o.Hidden)), o.Vocab, o.Hidden)
	}
	return out
}

// random makes a tensor of normal values, the stream chosen by its name.
func (o Options) random(name string, mean, std float64, shape []int) checkpoints.Source {
	h := fnv.New64a()
	_, _ = strings.NewReader(name).WriteTo(h)
	rng := rand.New(rand.NewPCG(o.Seed, h.Sum64()))
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(mean + std*rng.NormFloat64())
	}
	return checkpoints.FromFloat32(name, shape, data, o.DType)
}

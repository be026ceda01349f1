package testmodel_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

func open(t *testing.T, o testmodel.Options) *checkpoints.Folder {
	t.Helper()
	f, err := checkpoints.Open(testmodel.Llama(t, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestLlamaTensors(t *testing.T) {
	f := open(t, testmodel.Options{Hidden: 24, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 10, FFN: 40, Vocab: 50, QKVBias: true})
	got := map[string][]int{}
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		got[name] = info.Shape
	}
	want := map[string][]int{
		"model.embed_tokens.weight":                      {50, 24},
		"model.layers.0.input_layernorm.weight":          {24},
		"model.layers.0.self_attn.q_proj.weight":         {40, 24},
		"model.layers.0.self_attn.q_proj.bias":           {40},
		"model.layers.0.self_attn.k_proj.weight":         {20, 24},
		"model.layers.0.self_attn.k_proj.bias":           {20},
		"model.layers.0.self_attn.v_proj.weight":         {20, 24},
		"model.layers.0.self_attn.v_proj.bias":           {20},
		"model.layers.0.self_attn.o_proj.weight":         {24, 40},
		"model.layers.0.self_attn.o_proj.bias":           {24},
		"model.layers.0.post_attention_layernorm.weight": {24},
		"model.layers.0.mlp.gate_proj.weight":            {40, 24},
		"model.layers.0.mlp.up_proj.weight":              {40, 24},
		"model.layers.0.mlp.down_proj.weight":            {24, 40},
		"model.norm.weight":                              {24},
		"lm_head.weight":                                 {50, 24},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tensors (-want +got):\n%s", diff)
	}
	if want := []string{"generation_config.json", "tokenizer.json", "tokenizer_config.json"}; !slices.Equal(f.Files(), want) {
		t.Errorf("Files() = %v, want %v", f.Files(), want)
	}
}

// TestLlamaForms checks that dtype and sharding change the form and not the model.
func TestLlamaForms(t *testing.T) {
	single := open(t, testmodel.Options{Seed: 7, Tied: true})
	if _, ok := single.Info("lm_head.weight"); ok {
		t.Error("a tied model has lm_head.weight")
	}
	other := open(t, testmodel.Options{Seed: 7, Tied: true, DType: checkpoints.BF16, Shards: 3})
	digests, err := other.Digests()
	if err != nil || len(digests) != 3 {
		t.Errorf("Digests() = %v, %v, want 3 files", digests, err)
	}
	for _, name := range single.Names() {
		a, b := values(t, single, name), values(t, other, name)
		for i := range a {
			if math.Abs(float64(a[i]-b[i])) > math.Abs(float64(a[i]))/256 {
				t.Fatalf("%s[%d] = %g and %g, want equal up to bfloat16", name, i, a[i], b[i])
			}
		}
	}
	seeded := open(t, testmodel.Options{Seed: 8, Tied: true})
	if name := "model.norm.weight"; slices.Equal(values(t, single, name), values(t, seeded, name)) {
		t.Error("another seed gives the same weights")
	}
}

func values(t *testing.T, f *checkpoints.Folder, name string) []float32 {
	t.Helper()
	tensor, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tensor.Float32()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTokenizerVocabulary(t *testing.T) {
	for _, size := range []int{96, 258, 300} {
		data, err := os.ReadFile(filepath.Join(testmodel.Llama(t, testmodel.Options{Vocab: size}), "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		var tok struct {
			Model struct {
				Vocab  map[string]int
				Merges [][2]string
			}
		}
		if err := json.Unmarshal(data, &tok); err != nil {
			t.Fatal(err)
		}
		if want := min(size, 2+256+8); len(tok.Model.Vocab) != want {
			t.Errorf("vocab of %d: %d tokens, want %d", size, len(tok.Model.Vocab), want)
		}
		for token, id := range map[string]int{"<s>": 0, "</s>": 1, "Ċ": 2, "Ġ": 3, "a": 4} {
			if got, ok := tok.Model.Vocab[token]; !ok || got != id {
				t.Errorf("vocab of %d: %q is %d, %v, want %d", size, token, got, ok, id)
			}
		}
		for _, m := range tok.Model.Merges {
			if _, ok := tok.Model.Vocab[m[0]+m[1]]; !ok {
				t.Errorf("vocab of %d: merge %v has no token", size, m)
			}
		}
	}
}

package lora_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/lora"
)

// spoiled is the adapter of a golden folder with other keys in its config, where nil
// takes one away, and other tensors, where nil does, too.
func spoiled(t *testing.T, name string, keys map[string]any, tensors map[string][]int) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(golden(name), "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := checkpoints.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range keys {
		if value == nil {
			config.Delete(key)
		} else if err := config.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "adapter_config.json"), config.Bytes())
	file, err := checkpoints.OpenFile(filepath.Join(golden(name), "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var sources []checkpoints.Source
	for _, name := range file.Names() {
		if _, other := tensors[name]; other {
			continue
		}
		x, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, x.Source())
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		shape := tensors[name]
		if shape == nil {
			continue
		}
		sources = append(sources, checkpoints.FromFloat32(name, shape, make([]float32, checkpoints.Info{Shape: shape}.Elements()), checkpoints.F32))
	}
	if err := checkpoints.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), sources, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// What is not plain LoRA of this model is refused by name, and nothing is written.
func TestRefused(t *testing.T) {
	const (
		q = "base_model.model.model.layers.0.self_attn.q_proj"
		a = q + ".lora_A.weight"
		b = q + ".lora_B.weight"
	)
	with := func(name string, shape ...int) map[string][]int { return map[string][]int{name: shape} }
	for _, tt := range []struct {
		name    string
		golden  string
		keys    map[string]any
		tensors map[string][]int
		want    string
	}{
		{"another method", "patterns", map[string]any{"peft_type": "LOHA"}, nil, `peft_type is "LOHA", want LORA`},
		{"no method", "patterns", map[string]any{"peft_type": nil}, nil, `peft_type is "", want LORA`},
		{"DoRA", "patterns", map[string]any{"use_dora": true}, nil, "use_dora is set, which is not supported: DoRA"},
		{"DoRA's tensor", "patterns", nil, with(q+".lora_magnitude_vector", 24), "this is DoRA's scale of the rows"},
		{"bias", "patterns", map[string]any{"bias": "lora_only"}, nil, `bias is "lora_only", want none`},
		{"a bias", "patterns", nil, with(q+".base_layer.bias", 24), "this is a trained bias"},
		{"whole modules", "patterns", map[string]any{"modules_to_save": []string{"lm_head"}}, nil, "modules_to_save is set, which is not supported"},
		{"a whole module", "patterns", nil, with("base_model.model.model.norm.weight", 24), "a trained parameter beside the corrections"},
		{"an embedding", "patterns", nil, with("base_model.model.model.embed_tokens.lora_embedding_A", 2, 70), "the correction of an embedding"},
		{"PiSSA", "patterns", map[string]any{"init_lora_weights": "pissa_niter_4"}, nil, "init_lora_weights is pissa_niter_4, which takes its start from the base"},
		{"a key of the future", "patterns", map[string]any{"use_zora": true}, nil, "key use_zora is not known"},
		{"no targets", "patterns", map[string]any{"target_modules": nil}, nil, "target_modules is missing"},
		{"a target left out", "patterns", map[string]any{"target_modules": []string{"q_proj", "v_proj"}}, nil, "down_proj has tensors, and target_modules of adapter_config.json does not name it"},
		{"no half expression", "patterns", map[string]any{"target_modules": "(q"}, nil, "target_modules: error parsing regexp"},
		{"a rank in words", "patterns", map[string]any{"r": "four"}, nil, `r is "four", want an integer`},
		{"another rank", "patterns", map[string]any{"rank_pattern": nil}, nil, "down_proj.lora_A.weight: shape [2 36], want [4, in], for the rank is 4"},
		{"no A", "patterns", nil, with(a), "module model.layers.0.self_attn.q_proj has no lora_A.weight"},
		{"no B", "patterns", nil, with(b), "module model.layers.0.self_attn.q_proj has no lora_B.weight"},
		{"another shape", "patterns", nil, with(a, 4, 20), "module model.layers.0.self_attn.q_proj is corrected as [24, 20], want [24, 24]"},
		{"another model", "patterns", nil, map[string][]int{a: nil, b: nil, strings.Replace(a, ".0.", ".9.", 1): {4, 24}, strings.Replace(b, ".0.", ".9.", 1): {24, 4}}, "corrects module model.layers.9.self_attn.q_proj, and the model has no such linear module"},
		{"a class's own names", "patterns", map[string]any{"target_modules": "all-linear"}, map[string][]int{a: nil, b: nil, strings.Replace(a, "q_proj", "qkv", 1): {4, 24}, strings.Replace(b, "q_proj", "qkv", 1): {24, 4}}, "module model.layers.0.self_attn.qkv"},
		{"the head's own weight", "head", nil, with("base_model.model.lm_head.base_layer.weight", 70, 36), "is not the base's lm_head.weight"},
		{"one module twice", "patterns", nil, map[string][]int{strings.Replace(a, "model.layers", "layers", 1): {4, 24}, strings.Replace(b, "model.layers", "layers", 1): {24, 4}}, "are one, that of tensor model.layers.0.self_attn.q_proj.weight"},
		{"nothing", "conv1d", nil, everything(t, "conv1d"), "adapter_model.safetensors is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "merged")
			_, err := lora.NewMerge(testdata.Family(t, goldens[tt.golden]), spoiled(t, tt.golden, tt.keys, tt.tensors), output, lora.MergeOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewMerge() = %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(output); err == nil {
				t.Error("the output is there")
			}
		})
	}
	_, err := lora.NewMerge(testdata.Family(t, "phi3"), golden("patterns"), filepath.Join(t.TempDir(), "merged"), lora.MergeOptions{})
	if e, ok := errors.AsType[*lora.ModuleError](err); !ok || !strings.Contains(e.Hint(), "its files have qkv_proj, o_proj, gate_up_proj, down_proj, lm_head") {
		t.Errorf("an adapter of Llama on Phi-3: %v, hint %q", err, e.Hint())
	}
}

// everything takes all tensors of an adapter away.
func everything(t *testing.T, name string) map[string][]int {
	t.Helper()
	file, err := checkpoints.OpenFile(filepath.Join(golden(name), "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string][]int{}
	for _, name := range file.Names() {
		all[name] = nil
	}
	return all
}

// A tied head cannot be corrected without the embedding, and a number that is none is
// found before anything is written.
func TestRefusedValues(t *testing.T) {
	tensors := everything(t, "patterns")
	tensors["base_model.model.lm_head.lora_A.weight"], tensors["base_model.model.lm_head.lora_B.weight"] = []int{4, 24}, []int{70, 4}
	adapter := spoiled(t, "patterns", map[string]any{"target_modules": []string{"lm_head"}}, tensors)
	output := filepath.Join(t.TempDir(), "merged")
	_, err := lora.NewMerge(testdata.Family(t, "llama3.2"), adapter, output, lora.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "module lm_head is tied to the embedding") {
		t.Errorf("a tied head: %v", err)
	}
	adapter = spoiled(t, "patterns", nil, nil)
	path := filepath.Join(adapter, "adapter_model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)-4:], []byte{0, 0, 0xc0, 0x7f})
	write(t, path, data)
	_, err = lora.NewMerge(testdata.Family(t, "llama2"), adapter, output, lora.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "is NaN at element") {
		t.Errorf("a NaN: %v", err)
	}
	for name, dir := range map[string]string{"nothing": t.TempDir(), "a model": testdata.Family(t, "llama2")} {
		if _, err := lora.NewMerge(testdata.Family(t, "llama2"), dir, output, lora.MergeOptions{}); err == nil || !strings.Contains(err.Error(), "adapter_config.json: no such file") {
			t.Errorf("%s for an adapter: %v", name, err)
		}
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("the output is there")
	}
}

package arch_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// config returns a small Llama's config.json with some keys replaced; a nil value takes the key away.
func config(t *testing.T, changes map[string]any) []byte {
	t.Helper()
	c := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama",
		"vocab_size": 32, "hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 40,
		"num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2,
	}
	for k, v := range changes {
		c[k] = v
		if v == nil {
			delete(c, k)
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDescribeErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes map[string]any
		want    string
	}{
		{"missing size", map[string]any{"hidden_size": nil}, "hidden_size is 0, want > 0"},
		{"groups", map[string]any{"num_key_value_heads": 3}, "num_attention_heads (4) is not a multiple of num_key_value_heads (3)"},
		{"no head_dim", map[string]any{"hidden_size": 25}, "hidden_size (25) is not a multiple of num_attention_heads (4)"},
		{"odd head_dim", map[string]any{"head_dim": 7}, "head_dim is 7, want an even number"},
		{"epsilon", map[string]any{"rms_norm_eps": 0}, "rms_norm_eps is 0, want > 0"},
		{"activation", map[string]any{"hidden_act": "mish"}, `hidden_act is "mish", want one of gelu`},
		{"rope scaling", map[string]any{"rope_scaling": map[string]any{"rope_type": "spiral"}}, `rope_scaling.rope_type is "spiral", want one of default, dynamic, linear, llama3, longrope, su, yarn`},
		{"rope, legacy key", map[string]any{"rope_scaling": map[string]any{"type": "linear"}}, `rope_scaling.factor is missing, want a number > 0 for rope_type "linear"`},
		{"rope, v5 key", map[string]any{"rope_parameters": map[string]any{"rope_type": "llama3"}}, "rope_parameters: low_freq_factor is 0 and high_freq_factor 0, want 0 < low < high"},
		{"rope, both keys", map[string]any{"rope_scaling": map[string]any{"rope_type": "default"}, "rope_parameters": map[string]any{"rope_type": "yarn"}}, `rope_scaling.rope_type is "default" and rope_parameters.rope_type "yarn", want one value`},
		{"two thetas", map[string]any{"rope_theta": 1e4, "rope_parameters": map[string]any{"rope_theta": 5e5}}, "rope_theta is 10000 and rope_parameters.rope_theta 500000, want one value"},
		{"partial rope", map[string]any{"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5, want 1"},
		{"partial rope, v5 key", map[string]any{"rope_parameters": map[string]any{"partial_rotary_factor": 0.25}}, "partial_rotary_factor is 0.25, want 1"},
		{"another model_type", map[string]any{"model_type": "qwen2"}, `model_type is "qwen2", want "llama" for architectures "LlamaForCausalLM"`},
		{"layers without end", map[string]any{"num_hidden_layers": 1 << 31}, "num_hidden_layers is 2147483648, want at most 16384"},
		{"heads without end", map[string]any{"num_attention_heads": 1 << 20}, "num_attention_heads is 1048576 in each of 2 layers, want at most 1048576 in all"},
		{"a size whose square overflows", map[string]any{"hidden_size": 1 << 62}, "hidden_size is 4611686018427387904, want at most 1073741824"},
		{"theta", map[string]any{"rope_theta": -1.0}, "rope_theta is -1, want > 1"},
		{"quantized", map[string]any{"quantization_config": map[string]any{"quant_method": "awq"}}, "quantized weights are not supported"},
		{"wrong type", map[string]any{"vocab_size": "many"}, "vocab_size"},
		{"student without mixers", map[string]any{"model_type": "linearize", "teacher_architectures": []string{"LlamaForCausalLM"}}, "mixers has 0 entries, want one for each of the 2 layers"},
		{"student with an option of the future", map[string]any{
			"model_type": "linearize", "teacher_architectures": []string{"LlamaForCausalLM"},
			"mixers": []any{map[string]any{"name": "softmax"}, map[string]any{"name": "mamba2", "warp": 9}},
		}, `mamba2 has no option "warp"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := arch.Describe(config(t, tt.changes))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Describe() = %v, want an error with %q", err, tt.want)
			}
		})
	}
	_, err := arch.Describe(config(t, map[string]any{"architectures": []string{"T5ForConditionalGeneration"}}))
	if _, ok := errors.AsType[*arch.UnsupportedError](err); !ok {
		t.Errorf("Describe() = %v, want an *UnsupportedError", err)
	}
}

// Transformers 4 and 5 spell the same rope differently.
func TestRopeSpellings(t *testing.T) {
	for name, changes := range map[string]map[string]any{
		"v4":               {"rope_theta": 5e5, "rope_scaling": nil},
		"v5":               {"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 5e5}},
		"both":             {"rope_theta": 5e5, "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 5e5}},
		"v4 default type":  {"rope_theta": 5e5, "rope_scaling": map[string]any{"rope_type": "default"}},
		"v5 without theta": {"rope_theta": 5e5, "rope_parameters": map[string]any{"rope_type": "default"}},
	} {
		m, err := arch.Describe(config(t, changes))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := (arch.Rope{Theta: 5e5, Dim: 6}); !m.Rope.Equal(want) {
			t.Errorf("%s: got %+v, want %+v", name, m.Rope, want)
		}
	}
}

func TestWeights(t *testing.T) {
	m, err := arch.Describe(config(t, map[string]any{
		"head_dim": 8, "attention_bias": true, "mlp_bias": true, "eos_token_id": []int{2, 3},
		"model_type": "linearize", "teacher_architectures": []string{"LlamaForCausalLM"},
		"mixers": []any{map[string]any{"name": "softmax"}, map[string]any{"name": "hedgehog", "window": 4}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int{}
	for _, w := range m.Weights() {
		got[w.Name] = w.Shape
	}
	for name, shape := range map[string][]int{
		"model.embed_tokens.weight":                           {32, 24},
		"lm_head.weight":                                      {32, 24},
		"model.layers.0.self_attn.q_proj.weight":              {32, 24},
		"model.layers.0.self_attn.k_proj.bias":                {16},
		"model.layers.0.self_attn.o_proj.weight":              {24, 32},
		"model.layers.0.self_attn.o_proj.bias":                {24},
		"model.layers.1.mlp.down_proj.bias":                   {24},
		"model.layers.1.self_attn.mixer.feature_map_q.weight": {4, 8, 8},
		"model.layers.1.self_attn.mixer.window_factors":       {4},
		"model.layers.1.post_attention_layernorm.weight":      {24},
	} {
		if diff := cmp.Diff(shape, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, ok := got["model.layers.0.self_attn.mixer.window_factors"]; ok {
		t.Error("a softmax layer has a mixer tensor")
	}
	if diff := cmp.Diff([]int{2, 3}, m.EOS); diff != "" {
		t.Errorf("EOS (-want +got):\n%s", diff)
	}
	// Keys and values of two heads of 8 for every token, against a memory that stays.
	if a, b := m.Mixers[0].StateBytes(m, 100), m.Mixers[0].StateBytes(m, 200); a != 2*2*100*8*4 || b != 2*a {
		t.Errorf("softmax state: got %d and %d bytes for 100 and 200 tokens", a, b)
	}
	if a, b := m.Mixers[1].StateBytes(m, 100), m.Mixers[1].StateBytes(m, 200); a != b || a != 4*(4*16*8+4*16+2*2*4*8) {
		t.Errorf("hedgehog state: got %d and %d bytes for 100 and 200 tokens", a, b)
	}
}

func TestParseMixer(t *testing.T) {
	for spec, want := range map[string]string{
		"mamba2":                         "mamba2",
		"mamba2,conv=2":                  "mamba2",
		"mamba2,conv=4,gate=none":        "mamba2,conv=4,gate=none",
		"hedgehog,window=1,affine":       "hedgehog,window=1,affine=true",
		"softmax,softcap=2.5":            "softmax,softcap=2.5",
		"hedgehog,window=16,affine=true": "hedgehog,window=16,affine=true",
		"softmax":                        "softmax",
	} {
		x, err := arch.ParseMixer(spec)
		if err != nil || x.String() != want {
			t.Errorf("ParseMixer(%q) = %q, %v; want %q", spec, x, err, want)
			continue
		}
		data, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		var back arch.Mixer
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(x) {
			t.Errorf("%s: through JSON: %v, %v", spec, back, err)
		}
	}
	for spec, want := range map[string]string{
		"mamba":                           "there is no such mixer",
		"":                                "there is no such mixer",
		"mamba2,width=4":                  `mamba2 has no option "width"`,
		"mamba2,conv=-1":                  `conv is "-1", want an integer >= 0`,
		"mamba2,conv":                     `conv is "", want an integer`,
		"mamba2,gate=maybe":               `gate is "maybe", want none or silu or sigmoid`,
		"mamba2,skip=maybe":               `skip is "maybe", want true or false`,
		"softmax,softcap=-1":              `softcap is "-1", want a number >= 0`,
		"hedgehog,affine":                 "affine does nothing without window",
		"delta,norm=none,norm_width=full": "norm_width does nothing without norm",
		"mamba2,conv=2,conv=3":            "option conv is given twice",
		"hedgehog,window=16,":             `hedgehog has no option ""`,
		"mamba2,":                         `mamba2 has no option ""`,
		"softmax,width=3":                 `softmax has no option "width"`,
	} {
		_, err := arch.ParseMixer(spec)
		if _, ok := errors.AsType[*arch.MixerError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseMixer(%q) = %v, want a *MixerError with %q", spec, err, want)
		}
	}
}

// TestMixerWithoutName: an entry of a config's mixers that names none says so.
func TestMixerWithoutName(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `{"conv":2}`} {
		var x arch.Mixer
		err := json.Unmarshal([]byte(data), &x)
		if err == nil || !strings.Contains(err.Error(), "there is no name") {
			t.Errorf("Unmarshal(%s): got %v, want an error that there is no name", data, err)
		}
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add([]byte(`{"architectures":["LlamaForCausalLM"],"vocab_size":4,"hidden_size":4,"num_hidden_layers":1,"intermediate_size":4,"num_attention_heads":2}`))
	f.Add([]byte(`{"architectures":["x"],"eos_token_id":[1,"2"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := arch.Describe(data)
		if err == nil && (m == nil || len(m.Mixers) != m.Layers) {
			t.Fatalf("Describe(%s) = %+v without an error", data, m)
		}
	})
}

// Values of the wrong kind are told in the words of JSON.
func TestWrongKinds(t *testing.T) {
	for want, changes := range map[string]map[string]any{
		"config.json: hidden_size is a number 24.5, want a whole number":     {"hidden_size": 24.5},
		"config.json: tie_word_embeddings is a string, want true or false":   {"tie_word_embeddings": "yes"},
		"config.json: rope_parameters is a string, want an object":           {"rope_parameters": "x"},
		"config.json: rope_parameters.rope_theta is a string, want a number": {"rope_parameters": map[string]any{"rope_theta": "1e4"}},
		"config.json: architectures is a string, want a list":                {"architectures": "LlamaForCausalLM"},
	} {
		if _, err := arch.Describe(config(t, changes)); err == nil || err.Error() != want {
			t.Errorf("Describe() = %v, want %q", err, want)
		}
	}
}

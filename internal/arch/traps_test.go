package arch_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

type object = map[string]any

// null is the value; nil takes a key away.
var null = json.RawMessage("null")

// family returns the config of a small model of an architecture with some keys added.
func family(t *testing.T, architecture string, more object) []byte {
	t.Helper()
	modelType, _ := arch.AboutFamily(architecture)
	c := object{
		"architectures": []string{architecture}, "model_type": modelType, "num_hidden_layers": 4,
		"head_dim": 8, "hidden_act": "silu", "max_position_embeddings": 64,
	}
	maps.Copy(c, more)
	return config(t, c)
}

// windows of all layers, 0 for none.
func windows(m *arch.Model) any {
	var all []int
	for _, x := range m.Mixers {
		all = append(all, x.Window())
	}
	return all
}

// thetas of all layers, 0 where queries and keys do not turn.
func thetas(m *arch.Model) any {
	var all []float64
	for i := range m.Layers {
		r := m.At(i).Rope
		if r.Dim == 0 {
			r.Theta = 0
		}
		all = append(all, r.Theta)
	}
	return all
}

// scalings of all layers.
func scalings(m *arch.Model) any {
	var all []string
	for i := range m.Layers {
		all = append(all, m.At(i).Rope.Scaling)
	}
	return all
}

func scaling(m *arch.Model) any   { return m.Rope.Scaling }
func original(m *arch.Model) any  { return m.Rope.Original }
func amplitude(m *arch.Model) any { return m.Rope.Amplitude }
func turning(m *arch.Model) any   { return m.Rope.Dim }
func kvHeads(m *arch.Model) any   { return m.KVHeads }
func headDim(m *arch.Model) any   { return m.HeadDim }
func ffn(m *arch.Model) any       { return m.FFN }
func act(m *arch.Model) any       { return m.Act }
func bias(m *arch.Model) any      { return m.Bias }
func softcap(m *arch.Model) any   { return m.Softcap }

// TestTraps describes configs that say less, or more, than they seem to. What is
// wanted was seen in transformers 5.23.
func TestTraps(t *testing.T) {
	longrope := func(more object) object {
		d := object{"rope_type": "longrope", "short_factor": []float64{1, 1, 1, 1}, "long_factor": []float64{2, 2, 2, 2}}
		maps.Copy(d, more)
		return d
	}
	yarn := func(more object) object {
		d := object{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
		maps.Copy(d, more)
		return object{"rope_scaling": d}
	}
	sliding, full := "sliding_attention", "full_attention"
	for _, tt := range []struct {
		name         string
		architecture string
		config       object
		look         func(*arch.Model) any
		want         any
	}{
		{"no window is the class's", "MistralForCausalLM", nil, windows, []int{4096, 4096, 4096, 4096}},
		{"a null window is none", "MistralForCausalLM", object{"sliding_window": null}, windows, []int{0, 0, 0, 0}},
		{"Mistral reads no layer_types", "MistralForCausalLM", object{"sliding_window": 5, "layer_types": []string{full, full, full, full}}, windows, []int{5, 5, 5, 5}},
		{"Ministral does", "MinistralForCausalLM", object{"sliding_window": 5, "layer_types": []string{full, sliding, full, full}}, windows, []int{0, 5, 0, 0}},
		{"a window by itself", "Qwen2ForCausalLM", object{"sliding_window": 5, "max_window_layers": 1}, windows, []int{0, 0, 0, 0}},
		{"from a layer on", "Qwen2ForCausalLM", object{"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1}, windows, []int{0, 5, 5, 5}},
		{"layer_types overrule", "Qwen3ForCausalLM", object{"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1, "layer_types": []string{sliding, full, full, full}}, windows, []int{5, 0, 0, 0}},
		{"windows without positions", "SmolLM3ForCausalLM", object{"use_sliding_window": true, "sliding_window": 5, "no_rope_layer_interval": 2}, windows, []int{0, 5, 0, 5}},
		{"a 1 is a layer that turns", "SmolLM3ForCausalLM", object{"no_rope_layers": []int{0, 1, 1, 0}, "rope_theta": 7.0}, thetas, []float64{0, 7, 7, 0}},
		{"every fourth does not turn", "SmolLM3ForCausalLM", object{"rope_theta": 7.0}, thetas, []float64{7, 7, 7, 0}},
		{"even layers", "Gemma2ForCausalLM", object{"sliding_window": 5}, windows, []int{5, 0, 5, 0}},
		{"pattern", "Gemma3ForCausalLM", object{"sliding_window": 5, "sliding_window_pattern": 3}, windows, []int{5, 5, 0, 5}},
		{"layers before the pattern", "Gemma3ForCausalLM", object{"sliding_window": 5, "sliding_window_pattern": 3, "layer_types": []string{full, full, full, sliding}}, windows, []int{0, 0, 0, 5}},
		{"turning layers", "Exaone4ForCausalLM", object{"sliding_window": 5, "sliding_window_pattern": 2, "rope_theta": 7.0}, thetas, []float64{7, 0, 7, 0}},
		{"turning layers, no window", "Exaone4ForCausalLM", object{"sliding_window": null, "rope_theta": 7.0}, thetas, []float64{7, 7, 7, 7}},

		{"one theta of two", "Gemma3ForCausalLM", object{"rope_theta": 7.0, "sliding_window_pattern": 2}, thetas, []float64{1e4, 7, 1e4, 7}},
		{"the other", "Gemma3ForCausalLM", object{"rope_local_base_freq": 9.0, "sliding_window_pattern": 2}, thetas, []float64{9, 1e6, 9, 1e6}},
		{"scaling of full layers", "Gemma3ForCausalLM", object{"sliding_window_pattern": 2, "rope_scaling": object{"rope_type": "linear", "factor": 8.0}}, scalings, []string{"", "linear", "", "linear"}},
		{"fixed theta of windows", "Olmo3ForCausalLM", object{"rope_theta": 7.0}, thetas, []float64{5e5, 5e5, 5e5, 7}},
		{"rope_type before type", "LlamaForCausalLM", object{"rope_scaling": object{"rope_type": "linear", "type": "dynamic", "factor": 2.0}}, scaling, "linear"},
		{"the length of dynamic", "LlamaForCausalLM", object{"rope_scaling": object{"type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 16}}, original, 64},
		{"no length in yarn", "LlamaForCausalLM", object{"rope_scaling": object{"rope_type": "yarn", "factor": 2.0}}, original, 64},
		{"no length in llama3", "LlamaForCausalLM", object{"rope_scaling": object{"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}, original, 64},
		{"no factor in yarn", "LlamaForCausalLM", yarn(object{"factor": null}), func(m *arch.Model) any { return m.Rope.Factor }, 4.0},
		{"amplitude of yarn", "LlamaForCausalLM", yarn(nil), amplitude, 1.1386294361119891},
		{"given amplitude", "LlamaForCausalLM", yarn(object{"attention_factor": 1.25, "mscale": 2.0, "mscale_all_dim": 1.0}), amplitude, 1.25},
		{"one mscale says nothing", "LlamaForCausalLM", yarn(object{"mscale": 2.0}), amplitude, 1.1386294361119891},
		{"two of them", "LlamaForCausalLM", yarn(object{"mscale": 2.0, "mscale_all_dim": 1.0}), amplitude, 1.2772588722239782 / 1.1386294361119891},
		{"a length at the top", "Phi3ForCausalLM", object{"original_max_position_embeddings": 32, "rope_scaling": longrope(object{"original_max_position_embeddings": 16})}, original, 32},
		{"yarn of Phi-3", "Phi3ForCausalLM", object{"rope_scaling": longrope(object{"rope_type": "yarn"})}, scaling, "longrope"},
		{"no stretch, no amplitude", "Phi3ForCausalLM", object{"original_max_position_embeddings": 64, "rope_scaling": longrope(nil)}, amplitude, 1.0},
		{"amplitude of longrope", "Phi3ForCausalLM", object{"original_max_position_embeddings": 16, "rope_scaling": longrope(nil)}, amplitude, 1.224744871391589},
		{"its factor before lengths", "Phi3ForCausalLM", object{"original_max_position_embeddings": 16, "rope_scaling": longrope(object{"factor": 1.0})}, amplitude, 1.0},
		{"part at the top", "PhiForCausalLM", object{"partial_rotary_factor": 0.75}, turning, 6},
		{"part in the dictionary", "PhiForCausalLM", object{"partial_rotary_factor": 0.5, "rope_parameters": object{"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.75}}, turning, 6},

		{"null is one for each head", "LlamaForCausalLM", object{"num_key_value_heads": null}, kvHeads, 4},
		{"a null head_dim", "LlamaForCausalLM", object{"head_dim": null}, headDim, 6},
		{"four times as wide", "GPT2LMHeadModel", object{"n_inner": null, "n_embd": 24, "n_head": 4, "n_layer": 4}, ffn, 96},
		{"gelu of Gemma", "GemmaForCausalLM", object{"hidden_act": "gelu"}, act, arch.ActGELUTanh},
		{"Gemma 2 reads another key", "Gemma2ForCausalLM", object{"hidden_act": "gelu"}, act, arch.ActGELUTanh},
		{"unused cap", "Gemma3ForCausalLM", object{"attn_logit_softcapping": 5.0}, softcap, 0.0},
		{"no biases of attention", "GPTNeoXForCausalLM", object{"attention_bias": false, "num_key_value_heads": nil}, bias, arch.Bias{MLP: true}},
		{"Mistral has no biases", "MistralForCausalLM", object{"attention_bias": true, "mlp_bias": true}, bias, arch.Bias{}},
		{"o has none", "Glm4ForCausalLM", object{"attention_bias": true}, bias, arch.Bias{QKV: true}},
		{"o has its own key", "SeedOssForCausalLM", object{"attention_out_bias": true, "attention_bias": false}, bias, arch.Bias{O: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := arch.Describe(family(t, tt.architecture, tt.config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.look(m)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.architecture, diff)
			}
		})
	}
}

// TestFamilyErrors: what a family cannot be read with.
func TestFamilyErrors(t *testing.T) {
	for _, tt := range []struct {
		name         string
		architecture string
		config       object
		want         string
	}{
		{"Ministral without head_dim", "MinistralForCausalLM", object{"head_dim": nil}, "head_dim is missing"},
		{"short layer_types", "Qwen2ForCausalLM", object{"use_sliding_window": true, "sliding_window": 5, "layer_types": []string{"full_attention"}}, "layer_types has 1 entries, want one for each of the 4 layers"},
		{"short layer_types, no window", "Qwen2ForCausalLM", object{"layer_types": []string{"full_attention"}}, "layer_types has 1 entries, want one for each of the 4 layers"},
		{"another kind of layer", "Gemma2ForCausalLM", object{"layer_types": []string{"full_attention", "chunked_attention", "full_attention", "full_attention"}}, `layer_types[1] is "chunked_attention"`},
		{"short no_rope_layers", "SmolLM3ForCausalLM", object{"no_rope_layers": []int{1}}, "no_rope_layers has 1 entries, want one for each of the 4 layers"},
		{"short factors", "Phi3ForCausalLM", object{"rope_scaling": object{"type": "longrope", "short_factor": []int{1}, "long_factor": []int{1}}}, "rope_scaling.short_factor has 1 entries, want 4"},
		{"experts by default", "GraniteMoeHybridForCausalLM", nil, "num_local_experts is 8, want 0"},
		{"cross attention", "GPT2LMHeadModel", object{"n_embd": 24, "n_head": 4, "n_layer": 4, "add_cross_attention": true}, "add_cross_attention is true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := arch.Describe(family(t, tt.architecture, tt.config))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Describe() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

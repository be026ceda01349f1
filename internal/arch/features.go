package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Features says in words what the layers of a family have beside or instead of
// Llama's, and what its configs can switch on or off. It is read off the row: off
// models that small configs of the family describe. It panics on an architecture that
// [Families] does not list.
func Features(architecture string) (always, byConfig []string) {
	always, byConfig = []string{}, []string{}
	models := probe(architecture)
	for i := range models[0].features() {
		words, count := "", 0
		for _, m := range models {
			if f := m.features()[i]; f.is {
				words = f.words
				count++
			}
		}
		switch count {
		case 0:
		case len(models):
			always = append(always, words)
		default:
			byConfig = append(byConfig, words)
		}
	}
	return always, byConfig
}

// RopeTypes lists the rope_type words that a family's configs may have, sorted; of one
// with learned positions, none.
func RopeTypes(architecture string) []string {
	types := []string{}
	base := probe(architecture)[0]
	if base.Positions > 0 {
		return types
	}
	factors := slices.Repeat([]float64{1}, base.Rope.Dim/2)
	for _, kind := range sorted(ropeKinds) {
		dict := keys{
			"rope_type": kind, "factor": 2, "low_freq_factor": 1, "high_freq_factor": 4,
			"original_max_position_embeddings": 32, "short_factor": factors, "long_factor": factors,
		}
		if _, err := describeProbe(architecture, keys{"rope_parameters": dict}); err == nil {
			types = append(types, kind)
		}
	}
	return types
}

// probeSizes are those of the configs that a row is read by. Every key that a family
// could miss is there.
var probeSizes = keys{
	"vocab_size": 64, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4,
	"num_key_value_heads": 4, "head_dim": 16, "max_position_embeddings": 64, "num_local_experts": 0, "mamba_n_heads": 8,
	"linear_num_key_heads": 4, "linear_num_value_heads": 4, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
}

// switches are the keys by which configs switch something on or off, each with the
// others at the family's defaults.
var switches = []keys{
	{"attention_bias": true},
	{"attention_bias": false},
	{"attention_out_bias": true},
	{"mlp_bias": true},
	{"qk_norm": true},
	{"use_parallel_residual": true},
	{"use_parallel_residual": false},
	{"use_sliding_window": true, "sliding_window": 4, "max_window_layers": 4},
	{"sliding_window": nil},
	{"use_sliding_window": true, "sliding_window": 4, "layer_types": slices.Repeat([]string{"sliding_attention", "full_attention"}, 4)},
	{"rope_parameters": keys{"rope_type": "linear", "factor": 2}},
	{"no_rope_layers": []int{1, 1, 1, 1, 1, 1, 1, 1}},
	{"position_embedding_type": "rope"},
	{"rope_parameters": keys{"rope_type": "default", "partial_rotary_factor": 1}},
	{"rope_parameters": keys{"rope_type": "default", "partial_rotary_factor": 0.5}},
	{"clip_qkv": 8},
	{"scale_attn_by_inverse_layer_idx": true},
	{"attn_logit_softcapping": nil},
	{"attn_logit_softcapping": 50},
	{"final_logit_softcapping": nil},
	{"final_logit_softcapping": 30},
	{"attention_multiplier": 2, "embedding_multiplier": 2, "residual_multiplier": 2, "logits_scaling": 2},
}

// probe describes a small model of a family with its defaults, and others that differ
// in a switch.
func probe(architecture string) []*Model {
	base, err := describeProbe(architecture, nil)
	if err != nil {
		panic("arch: " + architecture + ": " + err.Error())
	}
	models := []*Model{base}
	for _, change := range switches {
		if m, err := describeProbe(architecture, change); err == nil { // else the family has no such switch
			models = append(models, m)
		}
	}
	return models
}

func describeProbe(architecture string, change keys) (*Model, error) {
	modelType, _ := AboutFamily(architecture)
	c := probeSizes.with(keys{"architectures": []string{architecture}, "model_type": modelType})
	maps.Copy(c, change)
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return Describe(text)
}

// feature is one way to depart from Llama, and whether a model does.
type feature struct {
	words string
	is    bool
}

// features lists the same ones for each model, in the same order.
func (m *Model) features() []feature {
	_, before := m.NormAt(0, BeforeAttention)
	_, after := m.NormAt(0, AfterAttention)
	windowed, turning, linear := 0, 0, ""
	for i := range m.Layers {
		if m.Native(i).Window() > 0 {
			windowed++
		}
		if m.At(i).Rope.Dim > 0 {
			turning++
		}
		if m.linearLayer(i) {
			linear = m.Mixers[i].Name
		}
	}
	ropes, _ := m.Ropes()
	learned := m.Positions > 0
	return []feature{
		{m.Norm.kind(), true},
		{"norms after the branches", after && !before},
		{"norms before and after the branches", after && before},
		{"branches side by side", m.Parallel},
		{"MLP without a gate", m.Ungated},
		{"q/k-norm", m.QKNorm.Width != ""},
		{"q/k/v biases", m.Bias.QKV},
		{"o bias", m.Bias.O},
		{"MLP biases", m.Bias.MLP},
		{"head bias", m.Bias.Head},
		{"output gate", m.OutputGate},
		{"q/k/v clipped", m.ClipQKV > 0},
		{"linear layers (" + linear + ")", linear != ""},
		{"window in all layers", windowed == m.Layers},
		{"window in some layers", windowed > 0 && windowed < m.Layers},
		{"learned positions", learned},
		{"no positions", !learned && turning == 0},
		{"no positions in some layers", turning > 0 && turning < m.Layers},
		{"two ropes", len(ropes) > 1},
		{"rope on adjacent pairs", m.Rope.Interleaved},
		{"rope on part of a head", !learned && m.Rope.Dim < m.HeadDim},
		{"scale of scores", m.AttentionScale != 0 || m.DepthScale},
		{"multipliers", m.EmbeddingScale != 0 || m.ResidualScale != 0 || m.LogitScale != 0},
		{"soft cap of scores", m.Softcap > 0},
		{"soft cap of logits", m.LogitSoftcap > 0},
	}
}

package arch

import (
	"errors"
	"fmt"
)

// Llama and the families that differ from it in a switch or two.

// llamaNames are the module names of most families.
var llamaNames = names{
	embedding: "model.embed_tokens",
	finalNorm: "model.norm",
	head:      "lm_head",
	attention: "model.layers.{i}.self_attn",
	qNorm:     "q_norm",
	kNorm:     "k_norm",
	norms: [4]string{
		BeforeAttention: "model.layers.{i}.input_layernorm",
		BeforeMLP:       "model.layers.{i}.post_attention_layernorm",
	},
	gate: "model.layers.{i}.mlp.gate_proj",
	up:   "model.layers.{i}.mlp.up_proj",
	down: "model.layers.{i}.mlp.down_proj",
}

// withNorms returns the names with other modules at the four sites.
func (n names) withNorms(modules [4]string) names {
	for site, module := range modules {
		n.norms[site] = ""
		if module != "" {
			n.norms[site] = "model.layers.{i}." + module
		}
	}
	return n
}

var llamaDefaults = keys{"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": false}

var llama = family{
	modelTypes: []string{"llama"},
	about:      "Llama 1 to 3.3, TinyLlama, SmolLM2",
	names:      llamaNames,
	defaults:   llamaDefaults,
	mlpBias:    true,
}

var mistral = family{
	modelTypes: []string{"mistral"},
	about:      "Mistral 7B, Mistral Nemo",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 8, "sliding_window": 4096}),
	window:     everyLayer,
	describe:   noBias,
}

var ministral = family{
	modelTypes: []string{"ministral"},
	about:      "Ministral 8B",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 8, "sliding_window": 4096}),
	window:     everyLayer,
	listed:     true,
	describe: func(c *config, m *Model) error {
		if c.HeadDim == nil {
			return errors.New("config.json: head_dim is missing, and this family has no default for it")
		}
		return noBias(c, m)
	},
}

var ministral3 = family{
	modelTypes: []string{"ministral3"},
	about:      "Ministral 3",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-5}),
	theta:      1e6,
	rope: keys{
		"rope_type": "yarn", "factor": 16, "original_max_position_embeddings": 16384,
		"mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
	},
	window:   everyLayer,
	describe: noBias,
}

var qwen2 = family{
	modelTypes: []string{"qwen2"},
	about:      "Qwen2, Qwen2.5",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 32, "sliding_window": 4096}),
	window:     qwenWindow,
	listed:     true,
	describe: func(c *config, m *Model) error {
		m.Bias = Bias{QKV: true}
		return qwenWindows(c, m)
	},
}

var qwen3 = family{
	modelTypes: []string{"qwen3"},
	about:      "Qwen3",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 32, "head_dim": 128, "sliding_window": 4096}),
	block:      Block{QKNorm: QKNorm{Width: Head}},
	window:     qwenWindow,
	listed:     true,
	describe:   qwenWindows,
}

// qwenWindow: the layers from max_window_layers on.
func qwenWindow(c *config, layer int) (bool, error) {
	return layer >= or(c.MaxWindowLayers, 28), nil
}

// qwenWindows: a sliding_window means nothing unless use_sliding_window asks for it.
func qwenWindows(c *config, _ *Model) error {
	if !c.UseWindow {
		c.Window = nil
	}
	return nil
}

var smolLM3 = family{
	modelTypes: []string{"smollm3"},
	about:      "SmolLM3",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 4, "tie_word_embeddings": true}),
	mlpBias:    true,
	theta:      2e6,
	window:     withoutPositions,
	listed:     true,
	turns: func(c *config, layer int, _ bool) (bool, error) {
		without, err := withoutPositions(c, layer)
		return !without, err
	},
	describe: qwenWindows,
}

// withoutPositions: the layers that SmolLM3 does not turn, all the others of every
// no_rope_layer_interval unless no_rope_layers lists them. A 1 in that list is a layer
// that turns.
func withoutPositions(c *config, layer int) (bool, error) {
	if c.NoRopeLayers == nil {
		every := or(c.NoRopeInterval, 4)
		if every < 1 {
			return false, fmt.Errorf("config.json: no_rope_layer_interval is %d, want > 0", every)
		}
		return (layer+1)%every == 0, nil
	}
	return c.NoRopeLayers[layer] == 0, nil
}

var seedOSS = family{
	modelTypes: []string{"seed_oss"},
	about:      "Seed-OSS",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 8, "head_dim": 128, "attention_bias": true}),
	mlpBias:    true,
	describe: func(c *config, m *Model) error {
		m.Bias.O = c.AttentionOutBias
		return nil
	},
}

var helium = family{
	modelTypes:  []string{"helium"},
	about:       "Helium 1",
	names:       llamaNames,
	defaults:    llamaDefaults.with(keys{"num_key_value_heads": 20, "head_dim": 128, "rms_norm_eps": 1e-8}),
	theta:       1e5,
	interleaved: true,
	mlpBias:     true,
	describe: func(_ *config, m *Model) error {
		m.Bias.O = false
		return nil
	},
}

var granite = family{
	modelTypes: []string{"granite"},
	about:      "Granite 3 and 4 dense",
	names:      llamaNames,
	defaults:   llamaDefaults,
	mlpBias:    true,
	describe:   graniteScales,
}

func graniteScales(c *config, m *Model) error {
	m.AttentionScale, m.EmbeddingScale, m.ResidualScale = or(c.AttentionScale, 1), or(c.EmbeddingScale, 1), or(c.ResidualScale, 1)
	divisor := or(c.LogitsDivisor, 1)
	if divisor == 0 {
		return errors.New("config.json: logits_scaling is 0, want another number")
	}
	m.LogitScale = 1 / divisor
	return nil
}

// noBias: whatever attention_bias says.
func noBias(_ *config, m *Model) error {
	m.Bias = Bias{}
	return nil
}

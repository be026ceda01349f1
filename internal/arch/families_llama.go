package arch

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

var llamaDefaults = keys{"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": false}

var llama = family{
	modelTypes: []string{"llama"},
	about:      "Llama 1 to 3.3, TinyLlama, SmolLM2",
	names:      llamaNames,
	defaults:   llamaDefaults,
}

var mistral = family{
	modelTypes: []string{"mistral"},
	about:      "Mistral 7B, Mistral Nemo",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 8, "sliding_window": 4096}),
	window:     everyLayer,
	describe: func(c *config, m *Model) error {
		m.Bias = Bias{} // whatever attention_bias says
		return nil
	},
}

var qwen2 = family{
	modelTypes: []string{"qwen2"},
	about:      "Qwen2, Qwen2.5",
	names:      llamaNames,
	defaults:   llamaDefaults.with(keys{"sliding_window": 4096}),
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
	defaults:   llamaDefaults.with(keys{"head_dim": 128, "sliding_window": 4096}),
	window:     qwenWindow,
	listed:     true,
	block:      Block{QKNorm: QKNorm{Width: Head}},
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

package arch

// Families whose norms stand behind the branches, and OLMo 1, whose norms have no
// weights.

var olmo = family{
	modelTypes: []string{"olmo"},
	about:      "OLMo 1",
	names:      llamaNames,
	block:      Block{Norm: Norm{Center: true, Plain: true}},
	defaults:   llamaDefaults.with(keys{"rms_norm_eps": 1e-5}),
	describe: func(c *config, m *Model) error {
		m.ClipQKV, m.NormEps = or(c.ClipQKV, 0), 1e-5
		return nil
	},
}

var postNorms = llamaNames.withNorms([4]string{
	AfterAttention: "post_attention_layernorm", AfterMLP: "post_feedforward_layernorm",
})

var olmo2 = family{
	modelTypes: []string{"olmo2"},
	about:      "OLMo 2",
	names:      postNorms,
	block:      Block{QKNorm: QKNorm{Width: Full}},
	defaults:   llamaDefaults.with(keys{"rms_norm_eps": 1e-5}),
}

var olmo3 = family{
	modelTypes: []string{"olmo3"},
	about:      "OLMo 3",
	names:      postNorms,
	block:      Block{QKNorm: QKNorm{Width: Full}},
	defaults:   llamaDefaults.with(keys{"rms_norm_eps": 1e-5, "sliding_window": 4096}),
	theta:      5e5,
	localTheta: 5e5,
	window:     func(_ *config, layer int) (bool, error) { return (layer+1)%4 != 0, nil },
	listed:     true,
}

var exaone4 = family{
	modelTypes: []string{"exaone4"},
	about:      "EXAONE 4",
	names:      postNorms,
	block:      Block{QKNorm: QKNorm{Width: Head}},
	defaults:   llamaDefaults.with(keys{"num_key_value_heads": 32, "rms_norm_eps": 1e-5, "sliding_window": 4096}),
	window:     func(c *config, layer int) (bool, error) { return c.slides(layer, 4) },
	listed:     true,
	turns: func(c *config, _ int, windowed bool) (bool, error) {
		return windowed || c.Window == nil, nil
	},
	describe: noBias,
}

package arch

import (
	"errors"
)

// Families with LayerNorm, or an MLP without a gate, or branches side by side.

var layerNorm = Norm{Center: true, Bias: true}

var gpt2 = family{
	modelTypes: []string{"gpt2"},
	about:      "GPT-2, DistilGPT-2",
	names: names{
		embedding: "transformer.wte",
		positions: "transformer.wpe",
		finalNorm: "transformer.ln_f",
		head:      "lm_head",
		attention: "transformer.h.{i}.attn",
		norms:     [4]string{BeforeAttention: "transformer.h.{i}.ln_1", BeforeMLP: "transformer.h.{i}.ln_2"},
		up:        "transformer.h.{i}.mlp.up_proj",
		down:      "transformer.h.{i}.mlp.down_proj",
	},
	storage: storage{
		roots: []string{"transformer.", ""},
		fused: []fused{
			{module: "transformer.h.{i}.attn.c_attn", of: projectionsOf("transformer.h.{i}.attn"), transposed: true},
			{module: "transformer.h.{i}.attn.c_proj", of: []string{"transformer.h.{i}.attn.o_proj"}, transposed: true},
			{module: "transformer.h.{i}.mlp.c_fc", of: []string{"transformer.h.{i}.mlp.up_proj"}, transposed: true},
			{module: "transformer.h.{i}.mlp.c_proj", of: []string{"transformer.h.{i}.mlp.down_proj"}, transposed: true},
		},
	},
	block: Block{Norm: layerNorm, Ungated: true},
	spelling: map[string]string{
		"n_embd": "hidden_size", "n_head": "num_attention_heads", "n_layer": "num_hidden_layers", "n_inner": "intermediate_size",
		"n_positions": "max_position_embeddings", "layer_norm_epsilon": "rms_norm_eps", "activation_function": "hidden_act",
	},
	defaults: keys{
		"hidden_act": "gelu_new", "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "max_position_embeddings": 1024,
	},
	wideFFN: true,
	describe: func(c *config, m *Model) error {
		m.Bias = Bias{QKV: true, O: true, MLP: true}
		m.Positions = m.MaxPositions
		if !or(c.ScaleAttention, true) {
			m.AttentionScale = 1
		}
		m.DepthScale = c.DepthScale
		return nil
	},
}

// projectionsOf lists q, k and v of an attention module, as most fuse them.
func projectionsOf(attention string) []string {
	return []string{attention + ".q_proj", attention + ".k_proj", attention + ".v_proj"}
}

var gptNeoX = family{
	modelTypes: []string{"gpt_neox"},
	about:      "Pythia, GPT-NeoX 20B",
	names: names{
		embedding: "gpt_neox.embed_in",
		finalNorm: "gpt_neox.final_layer_norm",
		head:      "embed_out",
		attention: "gpt_neox.layers.{i}.attention",
		norms: [4]string{
			BeforeAttention: "gpt_neox.layers.{i}.input_layernorm", BeforeMLP: "gpt_neox.layers.{i}.post_attention_layernorm",
		},
		up:   "gpt_neox.layers.{i}.mlp.dense_h_to_4h",
		down: "gpt_neox.layers.{i}.mlp.dense_4h_to_h",
	},
	storage: storage{fused: []fused{
		{module: "gpt_neox.layers.{i}.attention.query_key_value", of: projectionsOf("gpt_neox.layers.{i}.attention"), perHead: true},
		{module: "gpt_neox.layers.{i}.attention.dense", of: []string{"gpt_neox.layers.{i}.attention.o_proj"}},
	}},
	block: Block{Norm: layerNorm, Ungated: true},
	spelling: map[string]string{
		"layer_norm_eps": "rms_norm_eps", "rotary_emb_base": "rope_theta", "rotary_pct": "partial_rotary_factor",
	},
	defaults: keys{
		"hidden_act": "gelu", "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "attention_bias": true,
		"use_parallel_residual": true, "partial_rotary_factor": 0.25,
	},
	partial: true,
	describe: func(c *config, m *Model) error {
		if m.KVHeads != m.Heads {
			return errors.New("config.json: num_key_value_heads is set, and this family has as many as num_attention_heads")
		}
		m.Bias.MLP, m.Parallel = true, c.ParallelResidual
		return nil
	},
}

var phi = family{
	modelTypes: []string{"phi"},
	about:      "Phi-1, Phi-1.5, Phi-2",
	names: func() names {
		n := llamaNames.withNorms([4]string{BeforeAttention: "input_layernorm"})
		n.finalNorm, n.qNorm, n.kNorm = "model.final_layernorm", "q_layernorm", "k_layernorm"
		n.gate, n.up, n.down = "", "model.layers.{i}.mlp.fc1", "model.layers.{i}.mlp.fc2"
		return n
	}(),
	storage: storage{fused: []fused{
		{module: "model.layers.{i}.self_attn.dense", of: []string{"model.layers.{i}.self_attn.o_proj"}},
	}},
	block:    Block{Norm: layerNorm, Ungated: true, Parallel: true},
	spelling: map[string]string{"layer_norm_eps": "rms_norm_eps", "qk_layernorm": "qk_norm"},
	defaults: keys{"hidden_act": "gelu_new", "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "partial_rotary_factor": 0.5},
	partial:  true,
	describe: func(c *config, m *Model) error {
		m.Bias = Bias{QKV: true, O: true, MLP: true, Head: !m.Tied}
		if c.QKNorm {
			m.QKNorm = QKNorm{layerNorm, Head}
		}
		return nil
	},
}

var phi3 = family{
	modelTypes: []string{"phi3"},
	about:      "Phi-3, Phi-3.5, Phi-4, Phi-4-mini",
	names:      llamaNames,
	storage: storage{fused: []fused{
		{module: "model.layers.{i}.self_attn.qkv_proj", of: projectionsOf("model.layers.{i}.self_attn")},
		gateAndUp,
	}},
	defaults: llamaDefaults.with(keys{"rms_norm_eps": 1e-5, "original_max_position_embeddings": 4096}),
	partial:  true,
	longrope: true,
	window:   everyLayer,
	describe: noBias,
}

var gateAndUp = fused{
	module: "model.layers.{i}.mlp.gate_up_proj",
	of:     []string{"model.layers.{i}.mlp.gate_proj", "model.layers.{i}.mlp.up_proj"},
}

var starCoder2 = family{
	modelTypes: []string{"starcoder2"},
	about:      "StarCoder2",
	names: func() names {
		n := llamaNames
		n.gate, n.up, n.down = "", "model.layers.{i}.mlp.c_fc", "model.layers.{i}.mlp.c_proj"
		return n
	}(),
	block:    Block{Norm: layerNorm, Ungated: true},
	spelling: map[string]string{"norm_epsilon": "rms_norm_eps", "use_bias": "attention_bias"},
	defaults: keys{
		"hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "attention_bias": true,
		"num_key_value_heads": 2,
	},
	window: everyLayer,
	describe: func(c *config, m *Model) error {
		m.Bias.MLP = c.AttentionBias
		return nil
	},
}

var stableLM = family{
	modelTypes: []string{"stablelm"},
	about:      "StableLM 2, StableLM 3B, StableCode",
	names: func() names {
		n := llamaNames
		n.qNorm, n.kNorm = "q_layernorm", "k_layernorm"
		return n
	}(),
	storage: storage{vectors: map[string]string{
		"q_layernorm": "q_layernorm.norms.{h}", "k_layernorm": "k_layernorm.norms.{h}",
	}},
	block:    Block{Norm: layerNorm},
	spelling: map[string]string{"layer_norm_eps": "rms_norm_eps", "use_qkv_bias": "attention_bias", "qk_layernorm": "qk_norm"},
	defaults: llamaDefaults.with(keys{"rms_norm_eps": 1e-5, "num_key_value_heads": 32, "partial_rotary_factor": 0.25}),
	partial:  true,
	describe: func(c *config, m *Model) error {
		m.Bias = Bias{QKV: c.AttentionBias}
		if c.QKNorm {
			m.QKNorm = QKNorm{Norm{Center: true}, Each}
		}
		if m.Parallel = c.ParallelResidual; m.Parallel {
			m.names.norms[BeforeMLP] = ""
		}
		return nil
	},
}

var cohere = family{
	modelTypes:  []string{"cohere"},
	about:       "Command R, Aya 23",
	names:       llamaNames.withNorms([4]string{BeforeAttention: "input_layernorm"}),
	block:       Block{Norm: Norm{Center: true}, Parallel: true},
	spelling:    map[string]string{"layer_norm_eps": "rms_norm_eps", "use_qk_norm": "qk_norm"},
	defaults:    llamaDefaults.with(keys{"rms_norm_eps": 1e-5, "tie_word_embeddings": true, "logit_scale": 0.0625}),
	theta:       5e5,
	interleaved: true,
	describe: func(c *config, m *Model) error {
		m.LogitScale = or(c.LogitScale, 1)
		if c.QKNorm {
			m.QKNorm = QKNorm{Norm{Center: true}, Each}
		}
		return nil
	},
}

var glm4 = family{
	modelTypes: []string{"glm4"},
	about:      "GLM-4-0414, GLM-Z1",
	names: llamaNames.withNorms([4]string{
		BeforeAttention: "input_layernorm", AfterAttention: "post_self_attn_layernorm",
		BeforeMLP: "post_attention_layernorm", AfterMLP: "post_mlp_layernorm",
	}),
	storage: storage{fused: []fused{gateAndUp}},
	defaults: llamaDefaults.with(keys{
		"rms_norm_eps": 1.5625e-7, "num_key_value_heads": 2, "head_dim": 128, "attention_bias": true, "partial_rotary_factor": 0.5,
	}),
	interleaved: true,
	partial:     true,
	describe: func(_ *config, m *Model) error {
		m.Bias.O = false
		return nil
	},
}

var nemotron = family{
	modelTypes: []string{"nemotron"},
	about:      "Nemotron 4, Minitron",
	names: func() names {
		n := llamaNames
		n.gate = ""
		return n
	}(),
	block:    Block{Norm: Norm{Center: true, Shift: true, Bias: true}, Ungated: true},
	spelling: map[string]string{"norm_eps": "rms_norm_eps"},
	defaults: keys{"hidden_act": "relu2", "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "partial_rotary_factor": 0.5},
	partial:  true,
	mlpBias:  true,
}

package arch

import (
	"encoding/json"
	"fmt"
	"math"
)

// Gemma: norms that multiply by 1+w, embeddings times √hidden, and from the second on
// norms behind the branches, too.

var gemma = family{
	modelTypes: []string{"gemma"},
	about:      "Gemma 1",
	names:      llamaNames,
	block:      Block{Norm: Norm{Shift: true}},
	defaults: llamaDefaults.with(keys{
		"num_key_value_heads": 16, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": true,
	}),
	describe: func(c *config, m *Model) error {
		if m.Act == ActGELU { // as old configs call the tanh form
			m.Act = ActGELUTanh
		}
		gemmaScale(m)
		return nil
	},
}

var gemmaNames = llamaNames.withNorms([4]string{
	BeforeAttention: "input_layernorm", AfterAttention: "post_attention_layernorm",
	BeforeMLP: "pre_feedforward_layernorm", AfterMLP: "post_feedforward_layernorm",
})

var gemmaDefaults = llamaDefaults.with(keys{
	"num_key_value_heads": 4, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": true,
	"query_pre_attn_scalar": 256, "sliding_window": 4096,
})

var gemma2 = family{
	modelTypes: []string{"gemma2"},
	about:      "Gemma 2",
	names:      gemmaNames,
	block:      Block{Norm: Norm{Shift: true}},
	spelling:   map[string]string{"hidden_activation": "hidden_act"},
	ignores:    []string{"hidden_act"},
	defaults:   gemmaDefaults.with(keys{"attn_logit_softcapping": 50, "final_logit_softcapping": 30}),
	window:     func(_ *config, layer int) (bool, error) { return layer%2 == 0, nil },
	listed:     true,
	describe:   gemmaScales,
}

var gemma3 = family{
	modelTypes: []string{"gemma3_text"},
	about:      "Gemma 3, text",
	names:      gemmaNames,
	block:      Block{Norm: Norm{Shift: true}, QKNorm: QKNorm{Norm: Norm{Shift: true}, Width: Head}},
	spelling:   map[string]string{"hidden_activation": "hidden_act"},
	ignores:    []string{"hidden_act"},
	defaults:   gemmaDefaults,
	theta:      1e6,
	localTheta: 1e4,
	window:     func(c *config, layer int) (bool, error) { return c.slides(layer, 6) },
	listed:     true,
	describe: func(c *config, m *Model) error {
		err := gemmaScales(c, m)
		m.Softcap = 0 // its class reads attn_logit_softcapping and makes nothing of it
		return err
	},
}

// gemma3Wrapped is the language model of a folder that could hold a vision tower, too.
var gemma3Wrapped = func() family {
	f := gemma3
	f.modelTypes = []string{"gemma3"}
	f.about = "Gemma 3 with its vision tower taken out"
	f.nested = "text_config"
	f.storage = storage{roots: []string{"model.", "model.language_model.", "language_model.model."}}
	return f
}()

func gemmaScale(m *Model) { m.EmbeddingScale = math.Sqrt(float64(m.Hidden)) }

func gemmaScales(c *config, m *Model) error {
	gemmaScale(m)
	scalar := or(c.QueryScalar, 0)
	if !(scalar > 0) {
		return fmt.Errorf("config.json: query_pre_attn_scalar is %g, want > 0", scalar)
	}
	m.AttentionScale = 1 / math.Sqrt(scalar)
	m.Softcap, m.LogitSoftcap = or(c.AttentionSoftcap, 0), or(c.LogitSoftcap, 0)
	if m.Softcap < 0 || m.LogitSoftcap < 0 {
		return fmt.Errorf("config.json: attn_logit_softcapping is %g and final_logit_softcapping %g, want > 0 or null", m.Softcap, m.LogitSoftcap)
	}
	return nil
}

// slides reads sliding_window_pattern: the last of each so many layers sees all keys,
// the others a window.
func (c *config) slides(layer, otherwise int) (bool, error) {
	every := otherwise
	if set(c.WindowPattern) {
		if err := json.Unmarshal(c.WindowPattern, &every); err != nil || every < 1 {
			return false, fmt.Errorf("config.json: sliding_window_pattern is %s, want a number > 0; or layer_types", c.WindowPattern)
		}
	}
	return (layer+1)%every != 0, nil
}

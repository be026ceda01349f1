package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Families that have linear layers of their own, whose classes can also hold
// students: they are read back with our mixers in those layers.

var graniteHybrid = family{
	modelTypes: []string{"granitemoehybrid"},
	about:      "Granite 4 hybrids without experts, and mamba2 students exported to that class",
	names:      llamaNames,
	storage: storage{fused: []fused{
		{module: "model.layers.{i}.shared_mlp.input_linear", of: gateAndUp.of},
		{module: "model.layers.{i}.shared_mlp.output_linear", of: []string{"model.layers.{i}.mlp.down_proj"}},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.in_proj", of: inAttention("mixer.g_proj", "v_proj", "mixer.B_proj", "mixer.C_proj", "mixer.dt_proj")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.conv1d", of: inAttention("mixer.conv1d")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.A_log", of: inAttention("mixer.A_log")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.dt_bias", of: inAttention("mixer.dt_bias")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.D", of: inAttention("mixer.D")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.norm", of: inAttention("mixer.norm")},
		{mixer: "mamba2", module: "model.layers.{i}.mamba.out_proj", of: inAttention("o_proj")},
	}},
	spelling: map[string]string{"shared_intermediate_size": "intermediate_size", "layers_block_type": "layer_types"},
	ignores:  []string{"intermediate_size"}, // of experts
	defaults: llamaDefaults.with(keys{
		"intermediate_size": 1024, "num_local_experts": 8, "mamba_n_heads": 128, "mamba_n_groups": 1, "mamba_d_state": 256,
		"mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true,
	}),
	turns: func(c *config, _ int, _ bool) (bool, error) { return c.PositionType == "rope", nil },
	describe: func(c *config, m *Model) error {
		if c.MambaProjBias {
			return errors.New("config.json: mamba_proj_bias is true, want false")
		}
		return graniteScales(c, m)
	},
	linear: graniteMamba,
}

// graniteMamba is a Mamba-2 layer of Granite. With several groups of B and C its norm
// is over all channels in some programs and by group in others, so one is wanted.
func graniteMamba(c *config, m *Model) (linearLayer, error) {
	width := c.MambaExpand * m.Hidden
	switch {
	case c.MambaHeads < 1 || width%c.MambaHeads != 0:
		return linearLayer{}, fmt.Errorf("config.json: mamba_n_heads is %d, want a divisor of mamba_expand·hidden_size (%d)", c.MambaHeads, width)
	case c.MambaGroups != 1:
		return linearLayer{}, fmt.Errorf("config.json: mamba_n_groups is %d, want 1", c.MambaGroups)
	}
	l := linearLayer{heads: c.MambaHeads, headDim: width / c.MambaHeads}
	if d := c.MambaHeadDim; set(d) && string(d) != `"auto"` && string(d) != strconv.Itoa(l.headDim) {
		return l, fmt.Errorf("config.json: mamba_d_head is %s, want mamba_expand·hidden_size/mamba_n_heads (%d)", d, l.headDim)
	}
	if err := timeStepsOpen(c.TimeStepLimit); err != nil {
		return l, err
	}
	l.spec = fmt.Sprintf("mamba2,groups=1,state_dim=%d,conv=%d,conv_bias=%t,skip,norm=after,norm_width=full", c.MambaState, c.MambaConv, c.MambaConvBias)
	return l, nil
}

// timeStepsOpen refuses limits of the time step that could be reached. Python writes
// infinity as {"__float__": "Infinity"}.
func timeStepsOpen(raw json.RawMessage) error {
	if !set(raw) {
		return nil
	}
	var limits []json.RawMessage
	if err := json.Unmarshal(raw, &limits); err != nil || len(limits) != 2 {
		return fmt.Errorf("config.json: time_step_limit is %s, want two numbers", raw)
	}
	var low, high float64
	if err := json.Unmarshal(limits[0], &low); err != nil {
		return fmt.Errorf("config.json: time_step_limit is %s, want two numbers", raw)
	}
	if json.Unmarshal(limits[1], &high) == nil && high < 1e6 || low > 0 {
		return fmt.Errorf("config.json: time_step_limit is %s, want no limits: 0 and infinity", raw)
	}
	return nil
}

var qwen35 = family{
	modelTypes: []string{"qwen3_5_text"},
	about:      "Qwen3.5, text, where the heads of its linear layers are alike; gated-delta students exported to that class",
	names:      llamaNames,
	storage: storage{fused: []fused{
		{mixer: Softmax, module: "model.layers.{i}.self_attn.q_proj", of: inAttention("q_proj", GateProj), perHead: true},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.in_proj_qkv", of: projectionsOf("model.layers.{i}.self_attn")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.conv1d", of: inAttention("mixer.conv1d"), reversed: 3},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.in_proj_z", of: inAttention("mixer.g_proj")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.in_proj_a", of: inAttention("mixer.a_proj")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.in_proj_b", of: inAttention("mixer.b_proj")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.A_log", of: inAttention("mixer.A_log")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.dt_bias", of: inAttention("mixer.dt_bias")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.norm", of: inAttention("mixer.norm")},
		{mixer: "gated-delta", module: "model.layers.{i}.linear_attn.out_proj", of: inAttention("o_proj")},
	}},
	block: Block{Norm: Norm{Shift: true}, QKNorm: QKNorm{Norm{Shift: true}, Head}, OutputGate: true},
	defaults: llamaDefaults.with(keys{
		"num_key_value_heads": 4, "head_dim": 256, "partial_rotary_factor": 0.25, "full_attention_interval": 4,
		"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
		"linear_num_key_heads": 16, "linear_num_value_heads": 32,
	}),
	partial: true,
	linear:  qwenDelta,
}

func qwenDelta(c *config, _ *Model) (linearLayer, error) {
	l := linearLayer{heads: c.LinearKeyHeads, headDim: c.LinearKeyDim}
	switch {
	case l.heads < 1 || l.heads > maxSize || l.headDim < 1 || l.headDim > maxSize:
		return l, fmt.Errorf("config.json: linear_num_key_heads is %d and linear_key_head_dim %d, want > 0", l.heads, l.headDim)
	case c.LinearValueHeads != l.heads:
		return l, fmt.Errorf("config.json: linear_num_value_heads is %d and linear_num_key_heads %d, want one number", c.LinearValueHeads, l.heads)
	case c.LinearValueDim != l.headDim:
		return l, fmt.Errorf("config.json: linear_value_head_dim is %d and linear_key_head_dim %d, want one size", c.LinearValueDim, l.headDim)
	}
	l.spec = fmt.Sprintf("gated-delta,conv=%d", c.LinearConv)
	return l, nil
}

// inAttention gives modules of attention their full names.
func inAttention(modules ...string) []string {
	var all []string
	for _, module := range modules {
		all = append(all, llamaNames.attention+"."+module)
	}
	return all
}

// linearLayer is a family's own linear layer: our mixer for it, and its heads, as many
// for queries as for keys and values.
type linearLayer struct {
	spec           string
	heads, headDim int
}

// linearLayers says which layers of a family are linear: those that layer_types says,
// or all but every full_attention_interval-th.
func (c *config) linearLayers(m *Model) ([]bool, error) {
	linear := make([]bool, m.Layers)
	if c.row.linear == nil {
		return linear, nil
	}
	if c.LayerTypes == nil {
		for i := range linear {
			linear[i] = c.FullInterval < 1 || (i+1)%c.FullInterval != 0
		}
		return linear, nil
	}
	for i, kind := range c.LayerTypes {
		linear[i] = slices.Contains([]string{"linear_attention", "mamba"}, kind)
		if !linear[i] && !slices.Contains([]string{"full_attention", "attention"}, kind) {
			return nil, fmt.Errorf("config.json: layer_types[%d] is %q, want linear_attention or full_attention", i, kind)
		}
	}
	return linear, nil
}

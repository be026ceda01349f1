package arch

import "slices"

// The frame is what mixers share around their recurrence: how queries, keys and
// values come about, and what happens to the heads after it. Each part is a switch
// of its own; a mixer's row says which are on when nobody asks.
//
//	[v, k, q] = SiLU(conv([Wv·u, Wk·u, Wq·u]))    conv, conv_bias
//	q, k      = norm(q), norm(k), per head        qk_norm
//	q, k      = rotated to their positions        rope
//	y         = the recurrence
//	y         = RMSNorm(y) ⊙ gate(Wg·u), or RMSNorm(y ⊙ gate(Wg·u))
type frame struct {
	conv     int
	convBias bool
	qkNorm   string
	rope     bool
	norm     string
	gate     string
}

// Choices of the frame's switches.
const (
	None    = "none"    // of qk_norm, norm, gate
	L2      = "l2"      // of qk_norm: to length 1
	RMS     = "rms"     // of qk_norm: to root mean square 1, times a learnt weight
	Before  = "before"  // of norm: before the gate
	After   = "after"   // of norm: after the gate
	Head    = "head"    // of norm_width: each head by itself, and its weight for all of them
	Full    = "full"    // of norm_width: all heads together
	SiLU    = "silu"    // of gate
	Sigmoid = "sigmoid" // of gate
)

// options lists the frame's switches behind a mixer's own.
func (f frame) options(own ...Option) []Option {
	return append(own,
		Option{Name: "conv", Default: f.conv, Doc: "width of the causal convolution over v, k and q, with SiLU; 0: neither"},
		Option{Name: "conv_bias", Default: f.convBias, With: "conv", Doc: "the convolution has a bias"},
		Option{Name: "qk_norm", Default: f.qkNorm, Choices: []string{None, L2, RMS}, Doc: "norm of each query and key: l2 to length 1, rms learnt, by default not where the teacher has one"},
		Option{Name: "rope", Default: f.rope, Doc: "rotate queries and keys to their positions, as the teacher does"},
		Option{Name: "norm", Default: f.norm, Choices: []string{None, Before, After}, Doc: "RMSNorm of the output, before or after the gate"},
		Option{Name: "norm_width", Default: Head, Choices: []string{Head, Full}, With: "norm", Doc: "norm each head by itself, or all of them together"},
		Option{Name: "gate", Default: f.gate, Choices: []string{None, SiLU, Sigmoid}, Doc: "multiply the output by this function of a projection of the input; by default not where the teacher does"},
		Option{Name: "gate_rank", Default: 0, With: "gate", Doc: "rank of the gate's projection; 0: full"},
	)
}

// Shared reports whether a name is one of the switches that mixers share.
func Shared(option string) bool {
	return slices.ContainsFunc(frame{}.options(), func(o Option) bool { return o.Name == option })
}

// frameWeights lists the tensors of the frame. A query and a key have keyDim
// dimensions, the convolution sees the given channels.
func frameWeights(m *Model, x Mixer, channels, keyDim int) []Weight {
	var ws []Weight
	add := func(name string, shape ...int) { ws = append(ws, Weight{Name: "mixer." + name, Shape: shape}) }
	if k := x.Int("conv"); k > 0 {
		add("conv1d.weight", channels, 1, k)
		if x.Bool("conv_bias") {
			add("conv1d.bias", channels)
		}
	}
	if x.Text("qk_norm") == RMS {
		add("q_norm.weight", keyDim)
		add("k_norm.weight", keyDim)
	}
	if x.Text("gate") != None {
		if r := x.Int("gate_rank"); r > 0 {
			add("g_proj.0.weight", r, m.Hidden)
			add("g_proj.1.weight", m.Queries(), r)
		} else {
			add("g_proj.weight", m.Queries(), m.Hidden)
		}
	}
	if x.Text("norm") != None {
		width := m.HeadDim
		if x.Text("norm_width") == Full {
			width = m.Queries()
		}
		add("norm.weight", width)
	}
	return ws
}

// convState is what the convolution carries: its last inputs, oldest first.
func convState(x Mixer, channels int) []State {
	if k := x.Int("conv"); k > 1 {
		return []State{{"conv", []int{k - 1, channels}}}
	}
	return nil
}

// channels is the width of queries, keys and values side by side.
func channels(m *Model) int { return m.Queries() + 2*m.KeyValues() }

// memory is the state of a recurrence with keys and values of a head's size.
func memory(m *Model) State { return State{"memory", []int{m.Heads, m.HeadDim, m.HeadDim}} }

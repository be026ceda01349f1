package arch

import (
	"cmp"
	"fmt"
	"math"
)

// keyValues is a cache of rotated keys and of values, n tokens long.
func keyValues(m *Model, n int) []State {
	shape := []int{m.KVHeads, n, m.HeadDim}
	return []State{{"keys", shape}, {"values", shape}}
}

func memoryAndConv(m *Model, x Mixer, _ int) []State {
	return append([]State{memory(m)}, convState(x, channels(m))...)
}

func softmaxWeights(m *Model, x Mixer) []Weight {
	var ws []Weight
	if x.Text("qk_norm") == RMS {
		ws = append(ws,
			Weight{Name: "mixer.q_norm.weight", Shape: []int{m.HeadDim}},
			Weight{Name: "mixer.k_norm.weight", Shape: []int{m.HeadDim}})
	}
	if x.Bool("sink_logit") {
		ws = append(ws, Weight{Name: "mixer.sink_logits", Shape: []int{m.Heads}})
	}
	return ws
}

// features is the number of features that a map of hedgehog yields.
func features(m *Model, x Mixer) int {
	f := cmp.Or(x.Int("feature_dim"), m.HeadDim)
	if x.Bool("negated") && negates(x) {
		return 2 * f
	}
	return f
}

// negates reports whether a map of hedgehog is one that can see the negated product.
func negates(x Mixer) bool {
	kind := x.Text("feature_map")
	return kind == "softmax" || kind == "exp"
}

func hedgehogWeights(m *Model, x Mixer) []Weight {
	f := cmp.Or(x.Int("feature_dim"), m.HeadDim)
	maps := []string{"feature_map_q", "feature_map_k"}
	if x.Bool("tie_maps") {
		maps = []string{"feature_map"}
	}
	var ws []Weight
	for _, name := range maps {
		ws = append(ws, Weight{Name: "mixer." + name + ".weight", Shape: []int{m.Heads, m.HeadDim, f}})
		if x.Bool("map_bias") {
			ws = append(ws, Weight{Name: "mixer." + name + ".bias", Shape: []int{m.Heads, f}})
		}
	}
	if x.Int("window") > 0 {
		ws = append(ws, Weight{Name: "mixer.window_factors", Shape: []int{m.Heads}})
	}
	return append(ws, frameWeights(m, x, channels(m), m.HeadDim)...)
}

// mamba2Channels is how many channels the convolution sees, and the width of B and C.
func mamba2Channels(m *Model, x Mixer) (channels, stateDim int) {
	if g := x.Int("groups"); g > 0 {
		n := cmp.Or(x.Int("state_dim"), m.HeadDim)
		return m.KeyValues() + 2*g*n, n
	}
	return m.Queries() + 2*m.KeyValues(), m.HeadDim
}

func mamba2Weights(m *Model, x Mixer) []Weight {
	channels, n := mamba2Channels(m, x)
	ws := []Weight{
		{Name: "mixer.dt_proj.weight", Shape: []int{m.Heads, m.Hidden}},
		{Name: "mixer.dt_bias", Shape: []int{m.Heads}},
	}
	if x.Bool("learn_a") && x.Text("decay") == "delta" {
		ws = append(ws, Weight{Name: "mixer.A_log", Shape: []int{m.Heads}})
	}
	if x.Bool("skip") {
		ws = append(ws, Weight{Name: "mixer.D", Shape: []int{m.Heads}})
	}
	if g := x.Int("groups"); g > 0 {
		ws = append(ws,
			Weight{Name: "mixer.B_proj.weight", Shape: []int{g * n, m.Hidden}},
			Weight{Name: "mixer.C_proj.weight", Shape: []int{g * n, m.Hidden}})
	}
	return append(ws, frameWeights(m, x, channels, n)...)
}

func glaWeights(m *Model, x Mixer) []Weight {
	ws := frameWeights(m, x, channels(m), m.HeadDim)
	if x.Text("decay_from") == "input" {
		out, r := m.Queries(), x.Int("decay_rank")
		if x.Text("decay") == "head" {
			out = m.Heads
		}
		ws = append(ws,
			Weight{Name: "mixer.gk_proj.0.weight", Shape: []int{r, m.Hidden}},
			Weight{Name: "mixer.gk_proj.1.weight", Shape: []int{out, r}},
			Weight{Name: "mixer.gk_proj.1.bias", Shape: []int{out}})
	}
	return ws
}

// unitKeys refuses keys of other lengths than 1, along which the delta rule's state
// would swing and grow without bound.
func unitKeys(_ *Model, x Mixer) string {
	if norm := x.Text("qk_norm"); norm != L2 {
		return fmt.Sprintf("qk_norm is %s, want l2: the delta rule is stable for keys of length 1 only", norm)
	}
	return ""
}

func betaWeights(m *Model, x Mixer) []Weight {
	ws := []Weight{{Name: "mixer.b_proj.weight", Shape: []int{m.Heads, m.Hidden}}}
	if x.Bool("beta_bias") {
		ws = append(ws, Weight{Name: "mixer.b_proj.bias", Shape: []int{m.Heads}})
	}
	return ws
}

func gatedDeltaWeights(m *Model, x Mixer) []Weight {
	ws := []Weight{{Name: "mixer.A_log", Shape: []int{m.Heads}}}
	if x.Text("decay") == "channel" {
		r := cmp.Or(x.Int("decay_rank"), m.HeadDim)
		ws = append(ws,
			Weight{Name: "mixer.a_proj.0.weight", Shape: []int{r, m.Hidden}},
			Weight{Name: "mixer.a_proj.1.weight", Shape: []int{m.Queries(), r}},
			Weight{Name: "mixer.dt_bias", Shape: []int{m.Queries()}})
	} else {
		ws = append(ws,
			Weight{Name: "mixer.a_proj.weight", Shape: []int{m.Heads, m.Hidden}},
			Weight{Name: "mixer.dt_bias", Shape: []int{m.Heads}})
	}
	ws = append(ws, betaWeights(m, x)...)
	return append(ws, frameWeights(m, x, channels(m), m.HeadDim)...)
}

// rwkv7Rank is RWKV-7's choice for the projections of decay and learning rate.
func rwkv7Rank(m *Model) int {
	return 32 * max(1, int(math.Round(1.8*math.Sqrt(float64(m.Hidden))/32)))
}

func rwkv7Weights(m *Model, x Mixer) []Weight {
	r, out := cmp.Or(x.Int("rank"), rwkv7Rank(m)), []int{m.Queries()}
	var ws []Weight
	for _, name := range []string{"mixer.w_proj", "mixer.a_proj"} {
		ws = append(ws,
			Weight{Name: name + ".0.weight", Shape: []int{r, m.Hidden}},
			Weight{Name: name + ".1.weight", Shape: []int{m.Queries(), r}},
			Weight{Name: name + ".1.bias", Shape: out})
	}
	if !x.Bool("balance") {
		ws = append(ws, Weight{Name: "mixer.k_k", Shape: out}, Weight{Name: "mixer.k_a", Shape: out})
	}
	if x.Bool("bonus") {
		ws = append(ws, Weight{Name: "mixer.r_k", Shape: out})
	}
	return append(ws, frameWeights(m, x, channels(m), m.HeadDim)...)
}

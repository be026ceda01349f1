package arch

import (
	"cmp"
	"maps"
	"slices"
)

// Softmax is the name of the teacher's own mixer.
const Softmax = "softmax"

// mixerRow describes one mixer for planning: its options, its tensors beside the
// inherited projections, and the state that it carries from token to token. The
// mathematics is in internal/nn/mixers, in the file of the same name; how the
// tensors are seeded is in seeding.
type mixerRow struct {
	doc     string // one line for `linearize mixers`
	source  string // paper or repository
	options []Option
	// weights lists the new tensors, named relative to the layer's attention prefix.
	weights func(m *Model, x Mixer) []Weight
	// state lists what one sequence carries; capacity is the number of tokens a softmax cache holds.
	state func(m *Model, x Mixer, capacity int) []State
}

// State is one fp32 tensor of a layer's recurrent state, for one sequence.
type State struct {
	Name  string
	Shape []int
}

// mixerRows is fixed at compile time: the whole list is readable in one place.
var mixerRows = map[string]mixerRow{
	Softmax: {
		doc:     "the teacher's softmax attention, kept",
		source:  "Vaswani et al. 2017, arXiv:1706.03762",
		weights: func(*Model, Mixer) []Weight { return nil },
		state: func(m *Model, _ Mixer, capacity int) []State {
			return []State{
				{"keys", []int{m.KVHeads, capacity, m.HeadDim}},
				{"values", []int{m.KVHeads, capacity, m.HeadDim}},
			}
		},
	},
	"hedgehog": {
		doc:    "learnt softmax feature maps, with an optional sliding softmax window that shares their normaliser",
		source: "LoLCATs, Zhang et al. 2024, arXiv:2410.10254",
		options: []Option{
			{Name: "window", Default: 0, Min: 0, Doc: "keys that the softmax branch sees, the newest first; 0: no softmax branch"},
			{Name: "feature_dim", Default: 0, Min: 0, Doc: "columns of each feature map; 0: head_dim. A map yields twice as many features"},
			{Name: "affine", Default: false, Doc: "weigh the linear branch with 1-γ instead of 1"},
		},
		weights: func(m *Model, x Mixer) []Weight {
			f := cmp.Or(x.Int("feature_dim"), m.HeadDim)
			ws := []Weight{
				{Name: "mixer.feature_map_q.weight", Shape: []int{m.Heads, m.HeadDim, f}},
				{Name: "mixer.feature_map_k.weight", Shape: []int{m.Heads, m.HeadDim, f}},
			}
			if x.Int("window") > 0 {
				ws = append(ws, Weight{Name: "mixer.window_factors", Shape: []int{m.Heads}})
			}
			return ws
		},
		state: func(m *Model, x Mixer, _ int) []State {
			f := 2 * cmp.Or(x.Int("feature_dim"), m.HeadDim)
			s := []State{
				{"memory", []int{m.Heads, f, m.HeadDim}},
				{"normaliser", []int{m.Heads, f}},
			}
			if w := x.Int("window"); w > 0 {
				s = append(s,
					State{"keys", []int{m.KVHeads, w, m.HeadDim}},
					State{"values", []int{m.KVHeads, w, m.HeadDim}})
			}
			return s
		},
	},
	"mamba2": {
		doc:    "Mamba-2 in mmMamba's parameterisation: v, k, q through a short convolution, scalar decay per head, gated head norm",
		source: "mmMamba, Liao et al. 2025, arXiv:2502.13145; Mamba-2, Dao & Gu 2024, arXiv:2405.21060",
		options: []Option{
			{Name: "conv", Default: 2, Min: 0, Doc: "width of the causal convolution over v, k and q; 0: none, and no SiLU"},
			{Name: "norm", Default: true, Doc: "RMSNorm over each head's output"},
			{Name: "gate", Default: true, Doc: "multiply the output by SiLU of a projection of the input"},
			{Name: "learn_a", Default: true, Doc: "learn A per head; false: A = -1"},
		},
		weights: func(m *Model, x Mixer) []Weight {
			var ws []Weight
			if k := x.Int("conv"); k > 0 {
				c := m.Queries() + 2*m.KeyValues()
				ws = append(ws,
					Weight{Name: "mixer.conv1d.weight", Shape: []int{c, 1, k}},
					Weight{Name: "mixer.conv1d.bias", Shape: []int{c}})
			}
			ws = append(ws,
				Weight{Name: "mixer.dt_proj.weight", Shape: []int{m.Heads, m.Hidden}},
				Weight{Name: "mixer.dt_bias", Shape: []int{m.Heads}})
			if x.Bool("learn_a") {
				ws = append(ws, Weight{Name: "mixer.A_log", Shape: []int{m.Heads}})
			}
			if x.Bool("gate") {
				ws = append(ws, Weight{Name: "mixer.g_proj.weight", Shape: []int{m.Queries(), m.Hidden}})
			}
			if x.Bool("norm") {
				ws = append(ws, Weight{Name: "mixer.norm.weight", Shape: []int{m.HeadDim}})
			}
			return ws
		},
		state: func(m *Model, x Mixer, _ int) []State {
			s := []State{{"memory", []int{m.Heads, m.HeadDim, m.HeadDim}}}
			if k := x.Int("conv"); k > 1 {
				s = append(s, State{"conv", []int{k - 1, m.Queries() + 2*m.KeyValues()}})
			}
			return s
		},
	},
}

// Mixers returns the names of all mixers, sorted.
func Mixers() []string { return slices.Sorted(maps.Keys(mixerRows)) }

// About returns a mixer's one-line description, its source and its options.
// It panics on a name that [Mixers] does not list.
func About(name string) (doc, source string, options []Option) {
	r, ok := mixerRows[name]
	if !ok {
		panic("arch: no mixer " + name)
	}
	return r.doc, r.source, slices.Clone(r.options)
}

// Weights lists the tensors that the mixer adds to the inherited projections,
// named relative to the layer's attention prefix, as "mixer.dt_bias".
func (x Mixer) Weights(m *Model) []Weight { return mixerRows[x.Name].weights(m, x) }

// State lists what one sequence carries from token to token, all fp32. Only
// softmax grows with capacity, the number of tokens that fit.
func (x Mixer) State(m *Model, capacity int) []State {
	return mixerRows[x.Name].state(m, x, capacity)
}

// StateBytes is the size of [Mixer.State] in bytes.
func (x Mixer) StateBytes(m *Model, capacity int) int64 {
	var sum int64
	for _, s := range x.State(m, capacity) {
		n := int64(4)
		for _, d := range s.Shape {
			n *= int64(d)
		}
		sum += n
	}
	return sum
}

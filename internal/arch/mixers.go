package arch

import (
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
	// replaces names the inherited projections that the mixer has tensors of its own for.
	replaces func(x Mixer) []string
	// excludes: its linear branch does not see the keys that its window sees.
	excludes bool
	// check says what does not fit, the model or among the options; nil: all fits.
	check func(m *Model, x Mixer) (problem string)
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

// Inherits reports whether the mixer uses the teacher's projection of this name,
// as "q_proj"; otherwise it has tensors of its own in its place.
func (x Mixer) Inherits(projection string) bool {
	replaces := mixerRows[x.Name].replaces
	return replaces == nil || !slices.Contains(replaces(x), projection)
}

// Check reports as a [*MixerError] options that do not fit the sizes of a model.
func (x Mixer) Check(m *Model) error {
	if check := mixerRows[x.Name].check; check != nil {
		if problem := check(m, x); problem != "" {
			return &MixerError{x.String(), problem, optionNames(mixerRows[x.Name])}
		}
	}
	return nil
}

// State lists what one sequence carries from token to token, all fp32. Only
// softmax without a window grows with capacity, the number of tokens that fit.
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

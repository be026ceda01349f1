// Package seeding computes the first values of a mixer's tensors, so that a
// converted layer starts close to the teacher's attention instead of at random.
//
// [Seed] lists the tensors of one layer; each computes its values when its Data is
// called, so that a caller holds one at a time. [Methods] says which methods fit a
// mixer, [DefaultMethod] which one is used when nobody asks. A method is one file
// and one row of the table below.
//
// Everything is a pure function of its arguments. What a tensor draws depends on
// the seed, the layer and the tensor's name and on nothing else: not on which
// other layers are converted, nor on the order of calls.
//
// # Limits
//
// Values are computed in float64 and returned as float32; rounding to the stored
// dtype is the caller's work. The inherited projections are not listed: a method
// that inherits leaves them alone, one that does not returns replacements.
package seeding

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Layer is the layer to seed.
type Layer struct {
	Model *arch.Model // sizes; its Mixers are not read
	Index int         // which layer, from 0
	Mixer arch.Mixer  // what the layer becomes
	Seed  uint64

	// InitStd is the standard deviation of freshly drawn projections, config.json's
	// initializer_range. Only scratch reads it.
	InitStd float64

	// Teacher returns one of the layer's attention tensors, row-major, by its name
	// relative to the attention prefix ("q_proj.weight"). It is for methods that
	// compute new tensors from old ones; it may be nil for the others.
	Teacher func(name string) ([]float32, error)
}

// Tensor is one tensor of a seeded layer.
type Tensor struct {
	Name  string // relative to the layer's attention prefix, as in [arch.Mixer.Weights]
	Shape []int
	Data  func() ([]float32, error) // row-major; computed anew by each call
}

// method is one row of the table.
type method struct {
	about   string
	source  string
	mixers  []string // the mixers it fits; nil: every one but softmax
	scratch bool     // the projections are replaced too
	// values computes one tensor. The second result is false when the method does
	// not know the tensor.
	values func(l Layer, w arch.Weight) ([]float32, bool)
	// derived comes before values and computes what needs the teacher's tensors; nil: nothing.
	derived func(l Layer, w arch.Weight) ([]float32, bool, error)
}

// methods is fixed at compile time: the whole list is readable in one place.
var methods = map[string]method{
	"delta": {
		about:  "identity convolution, β = ½, decays free of the input, spread over the heads; small gate",
		source: "Taylor-Calibrate, arXiv:2606.16429, without its calibration; Gated DeltaNet, arXiv:2412.06464",
		mixers: []string{"delta", "gated-delta"},
		values: deltaNet,
	},
	"halo": {
		about:  "decays by the slopes of ALiBi, rotation kept, small gate",
		source: "HALO, 2026, arXiv:2601.22156; Lightning Attention-2, arXiv:2401.04658",
		mixers: []string{"lightning"},
		values: halo,
	},
	"liger": {
		about:  "the teacher's tensors as they are; a gate of its own starts with a decay of 0.96",
		source: "Liger, Lan et al. 2025, arXiv:2503.01496; GLA, arXiv:2312.06635",
		mixers: []string{"gla"},
		values: liger,
	},
	"lolcats": {
		about:  "identity feature maps; the softmax window weighs γ = 0.1 against the linear branch",
		source: "LoLCATs, Zhang et al. 2024, arXiv:2410.10254, with its --lk_zero_init",
		mixers: []string{"hedgehog"},
		values: lolcats,
	},
	"mambainllama": {
		about:   "Mamba-2's own random start around the teacher's projections; D = 1",
		source:  "MambaInLlama, Wang et al. 2024, arXiv:2408.15237",
		mixers:  []string{"mamba2"},
		derived: grouped,
		values:  mambaInLlama,
	},
	"mmmamba": {
		about:   "identity convolution, step size free of the input, mild decay, small gate",
		source:  "mmMamba, Liao et al. 2025, arXiv:2502.13145, section 3.2",
		mixers:  []string{"mamba2"},
		derived: grouped,
		values:  mmMamba,
	},
	"mom": {
		about:  "all memories as the inner mixer starts, the shared one like it alone; a small random router",
		source: "flash-linear-attention's router; MoM, Du et al. 2025, arXiv:2502.13685, inherits nothing",
		mixers: []string{"mom"},
		values: mixtureOfMemories,
	},
	"radlads": {
		about:  "decays from slow to fast over the channels, learning rates and gate of ½, all free of the input",
		source: "RADLADS, Goldstein et al. 2025, arXiv:2505.03005, and its released code",
		mixers: []string{"rwkv7"},
		values: radlads,
	},
	"scratch": {
		about:   "nothing inherited: projections and new tensors at random, for comparison",
		source:  "PyTorch's and the papers' own defaults",
		scratch: true,
		values:  scratch,
	},
	"teacher": {
		about:  "the teacher's attention; a learnt sink starts with next to no weight",
		source: "none: what is added starts as nothing",
		mixers: []string{arch.Softmax},
		values: teacher,
	},
}

// defaults names the method of each mixer when none is asked for.
var defaults = map[string]string{
	"delta":       "delta",
	"gated-delta": "delta",
	"gla":         "liger",
	"hedgehog":    "lolcats",
	"lightning":   "halo",
	"mamba2":      "mmmamba",
	"mom":         "mom",
	"rwkv7":       "radlads",
	arch.Softmax:  "teacher",
}

// DefaultMethod returns the method that a mixer is seeded by when none is asked for.
func DefaultMethod(mixer string) string { return defaults[mixer] }

// Methods returns the methods that fit a mixer, sorted; with "" all there are.
func Methods(mixer string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if mixer == "" || methods[name].fits(mixer) {
			names = append(names, name)
		}
	}
	return names
}

func (m method) fits(mixer string) bool {
	if m.mixers == nil {
		return mixer != arch.Softmax && slices.Contains(arch.Mixers(), mixer)
	}
	return slices.Contains(m.mixers, mixer)
}

// About returns a method's one-line description and its source. It panics on a
// name that [Methods] does not list.
func About(name string) (doc, source string) {
	m, ok := methods[name]
	if !ok {
		panic("seeding: no method " + name)
	}
	return m.about, m.source
}

// MethodError reports a method that does not exist or does not fit the mixer.
type MethodError struct {
	Method, Mixer string
	Choices       []string
}

func (e *MethodError) Error() string {
	if _, ok := methods[e.Method]; !ok {
		return fmt.Sprintf("seeding %q: there is no such method", e.Method)
	}
	return fmt.Sprintf("seeding %q: does not fit mixer %s", e.Method, e.Mixer)
}

// Hint lists the methods that fit.
func (e *MethodError) Hint() string {
	if len(e.Choices) == 0 {
		return e.Mixer + " has nothing to seed"
	}
	return e.Mixer + " takes " + strings.Join(e.Choices, " or ")
}

// Check reports as a [*MethodError] whether a method does not fit a mixer.
func Check(name, mixer string) error {
	if m, ok := methods[name]; ok && m.fits(mixer) {
		return nil
	}
	return &MethodError{name, mixer, Methods(mixer)}
}

// Seed lists the tensors that a layer gets: the mixer's own, in the order of
// [arch.Mixer.Weights], and after them the projections where the method replaces
// those. No values are computed before a tensor's Data is called.
func Seed(name string, l Layer) ([]Tensor, error) {
	if err := Check(name, l.Mixer.Name); err != nil {
		return nil, err
	}
	m := methods[name]
	weights := l.Mixer.Weights(l.Model)
	if m.scratch {
		weights = append(weights, projections(l)...)
	}
	var all []Tensor
	for _, w := range weights {
		all = append(all, Tensor{w.Name, w.Shape, func() ([]float32, error) {
			if m.derived != nil {
				if values, ok, err := m.derived(l, w); ok || err != nil {
					return values, err
				}
			}
			values, ok := m.values(l, w)
			if !ok {
				return nil, fmt.Errorf("seed %s of layer %d: %s does not know this tensor of mixer %s", w.Name, l.Index, name, l.Mixer)
			}
			return values, nil
		}})
	}
	return all, nil
}

// projections lists the inherited tensors, named relative to the attention prefix.
func projections(l Layer) []arch.Weight {
	var ws []arch.Weight
	for _, p := range l.Model.Projections() {
		if !l.Mixer.Inherits(p.Name) {
			continue
		}
		ws = append(ws, arch.Weight{Name: p.Name + ".weight", Shape: []int{p.Out, p.In}})
		if p.Bias {
			ws = append(ws, arch.Weight{Name: p.Name + ".bias", Shape: []int{p.Out}})
		}
	}
	return ws
}

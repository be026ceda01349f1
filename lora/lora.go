// Package lora trains a linear layer through a low-rank correction, and reads, writes
// and merges such corrections as PEFT keeps them:
//
//	y = x·Wᵀ + s · (drop(x)·Aᵀ)·Bᵀ,   A [R, in], B [out, R],   s = Alpha/R or Alpha/√R
//
// What to call:
//
//   - [Config.Match] finds the modules of a model that a configuration names,
//     [Module.Init] gives a new correction that changes nothing, and [Module.Merge] adds
//     a trained one into the weight, so that what is saved is an ordinary checkpoint.
//   - [Write] makes a PEFT folder of trained corrections; [Open] reads one of anybody's,
//     and [Adapter.Bind] finds its modules in a model folder.
//   - [NewMerge] plans a model folder with an adapter in its weights, and [Merge.Write]
//     writes it, a tensor at a time.
//
// # Limits
//
// Targets are the projections of attention and of the MLP; the tensors that a
// mixer adds train directly. Of what PEFT has, plain LoRA on linear modules is read: DoRA,
// trained biases, whole modules, embeddings and starts that change the base are refused
// by name.
//
// # Compatibility
//
// PEFT folders are those of peft 0.21, checked against it both ways.
//
// Sources: Hu et al. 2021, arXiv:2106.09685; the scale with the root, Kalajdzievski
// 2023, arXiv:2312.03732.
package lora

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Targets that stand for more than one module, whatever the student has of them.
const (
	AllLinear = "all-linear" // every module that can be a target
	Attention = "attention"  // q_proj, k_proj, v_proj, o_proj
)

// Config says which modules are corrected, and how.
type Config struct {
	R       int // rank
	Alpha   float64
	RSLoRA  bool     // scale is Alpha/√R instead of Alpha/R
	Dropout float64  // of the correction's input, in training
	Targets []string // modules by name, with or without those that they are in; [AllLinear], [Attention]
}

// Scale is the factor of the correction.
func (c Config) Scale() float64 { return scale(c.Alpha, c.R, c.RSLoRA) }

func scale(alpha float64, r int, root bool) float64 {
	if root {
		return alpha / math.Sqrt(float64(r))
	}
	return alpha / float64(r)
}

// Module is a linear layer with a correction.
type Module struct {
	Name    string // its tensors are Name + ".weight" and so on
	Layer   int
	Group   string // "attention" or "mlp"
	In, Out int
}

// TargetError reports a target that names no module.
type TargetError struct {
	Target string
	Exist  []string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("lora target %q matches no module of the student", e.Target)
}

// Hint lists what there is.
func (e *TargetError) Hint() string {
	return "there are " + strings.Join(e.Exist, ", ") + ", " + Attention + ", or " + AllLinear
}

// Match returns the modules that the targets name, in layer order. Attention
// modules count only in layers that were linearized, as in LoLCATs, unless the
// student has none: layers that are as they were have no damage. A projection that
// a mixer has tensors of its own for is no target. The error is a [*TargetError].
func (c Config) Match(m *arch.Model) ([]Module, error) {
	all := modules(m)
	var exist []string
	for _, x := range all {
		if short := shortName(x.Name); !slices.Contains(exist, short) {
			exist = append(exist, short)
		}
	}
	for _, target := range c.Targets {
		here := func(x Module) bool { return names(target, x.Name) }
		if target != AllLinear && target != Attention && !slices.ContainsFunc(all, here) {
			return nil, &TargetError{target, exist}
		}
	}
	return slices.DeleteFunc(all, func(x Module) bool {
		return !slices.ContainsFunc(c.Targets, func(target string) bool {
			return target == AllLinear || target == Attention && x.Group == Attention || names(target, x.Name)
		})
	}), nil
}

// names reports whether a target names a module: it is the end of its name, as in PEFT.
func names(target, module string) bool {
	return module == target || strings.HasSuffix(module, "."+target)
}

// modules lists the linear modules that can have a correction, in layer order.
func modules(m *arch.Model) []Module {
	var all []Module
	for i := range m.Layers {
		if !m.Linear() || m.Converted(i) {
			for _, p := range m.At(i).Projections() {
				if !m.Mixers[i].Inherits(p.Name) {
					continue
				}
				all = append(all, Module{m.Attention(i) + "." + p.Name, i, "attention", p.In, p.Out})
			}
		}
		gate, up, down := m.MLP(i)
		if !m.Ungated {
			all = append(all, Module{gate, i, "mlp", m.Hidden, m.FFN})
		}
		all = append(all,
			Module{up, i, "mlp", m.Hidden, m.FFN},
			Module{down, i, "mlp", m.FFN, m.Hidden})
	}
	return all
}

func shortName(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }

// Init returns a new correction: A uniform in ±1/√in (torch's kaiming_uniform
// with a = √5, as PEFT does) and B zero, so that the layer starts unchanged.
func (x Module) Init(r int, rng *rand.Rand) (a, b []float32) {
	a, b = make([]float32, r*x.In), make([]float32, x.Out*r)
	bound := 1 / math.Sqrt(float64(x.In))
	for i := range a {
		a[i] = float32((2*rng.Float64() - 1) * bound)
	}
	return a, b
}

// Merge adds scale·B·A to w [out, in] in place and returns the largest change of
// an element. Sums are taken in float64.
func (x Module) Merge(w, a, b []float32, scale float64) (largest float64) {
	return factors{len(a) / x.In, x.In, x.Out, a, b, scale}.addTo(w, false)
}

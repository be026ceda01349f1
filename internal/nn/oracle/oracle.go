// Package oracle computes every mixer as a plain float64 recurrence over single
// numbers, straight from its defining formulas and sharing no code with the
// graphs, so that the two can be held against each other.
//
// It runs one sequence from its start and is as slow as it is simple; products
// never use it, tests do.
//
// Axes: T time, H query heads, G key-value heads, D head dimension, E hidden size.
//
// # Limits
//
// Of what families do to queries and keys it has biases, groups, plain rotary positions and, where
// hedgehog and gla have a softmax, the cap of scores. Norms, clips, other scales and frequencies are
// not here: golden logits of whole models hold them. What is missing or does not fit panics.
package oracle

import (
	"fmt"
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Layer is a mixer with its tensors, in row order and named relative to the
// layer's attention prefix: "q_proj.weight", "mixer.dt_bias".
type Layer struct {
	Model    *arch.Model
	Mixer    arch.Mixer
	Weights  map[string][]float64
	Capacity int // tokens that a softmax layer's state holds
}

// forms is fixed at compile time, like the mixers it mirrors.
var forms = map[string]func(l Layer, x [][]float64) (heads, state [][]float64){
	arch.Softmax:  softmax,
	"delta":       delta,
	"gated-delta": gatedDelta,
	"rwkv7":       rwkv7,
	"gla":         gla,
	"hedgehog":    hedgehog,
	"lightning":   lightning,
	"mamba2":      mamba2,
	"mom":         mom,
}

// Run mixes a whole sequence x [T][E] into heads [T][H·D], before o_proj, and
// returns the state after the last token, in the order and shapes of
// arch.Mixer.State.
func Run(l Layer, x [][]float64) (heads, state [][]float64) {
	form, ok := forms[l.Mixer.Name]
	if !ok {
		panic(fmt.Sprintf("oracle: no mixer %q", l.Mixer.Name))
	}
	return form(l, x)
}

// linear applies the linear module of a name, with its bias where there is one.
func (l Layer) linear(module string, x []float64) []float64 {
	y := apply(l.weight(module+".weight"), x)
	for i, b := range l.Weights[module+".bias"] {
		y[i] += b
	}
	return y
}

func (l Layer) weight(name string) []float64 {
	w, ok := l.Weights[name]
	if !ok {
		panic(fmt.Sprintf("oracle: no tensor %q", name))
	}
	return w
}

// head returns the h-th piece of D numbers of x.
func (l Layer) head(x []float64, h int) []float64 {
	d := l.Model.HeadDim
	return x[h*d : (h+1)*d]
}

// group is the key-value head that serves query head h.
func (l Layer) group(h int) int { return h / (l.Model.Heads / l.Model.KVHeads) }

// rotate returns x [n·D] with the rotary embedding of a position in each head:
// dimension i turns with i+Dim/2 by position·theta^(−2i/Dim).
func (l Layer) rotate(x []float64, position int) []float64 {
	y := append([]float64(nil), x...)
	rope, half := l.Model.Rope, l.Model.Rope.Dim/2
	for at := 0; at < len(y); at += l.Model.HeadDim {
		for i := range half {
			sin, cos := math.Sincos(float64(position) * math.Pow(rope.Theta, -float64(2*i)/float64(rope.Dim)))
			a, b := x[at+i], x[at+i+half]
			y[at+i], y[at+i+half] = a*cos-b*sin, b*cos+a*sin
		}
	}
	return y
}

// capped bends a score by the teacher's cap, where it has one.
func (l Layer) capped(score float64) float64 {
	if c := l.Model.Softcap; c > 0 {
		return c * math.Tanh(score/c)
	}
	return score
}

// apply is w·x for w [len(w)/len(x), len(x)].
func apply(w, x []float64) []float64 {
	y := make([]float64, len(w)/len(x))
	for i := range y {
		y[i] = dot(w[i*len(x):(i+1)*len(x)], x)
	}
	return y
}

func dot(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func silu(x float64) float64 { return x * sigmoid(x) }

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// latest lays out the last n of the given rows [T][G·D] as [G, n, D], oldest
// first; places before the start are zero.
func (l Layer) latest(rows [][]float64, n int) []float64 {
	d := l.Model.HeadDim
	out := make([]float64, l.Model.KVHeads*n*d)
	for g := range l.Model.KVHeads {
		for i := range n {
			if t := len(rows) - n + i; t >= 0 {
				copy(out[(g*n+i)*d:], l.head(rows[t], g))
			}
		}
	}
	return out
}

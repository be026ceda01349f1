// Package mixbench times one layer's mixer, or one recurrence alone, at a given
// number of tokens.
package mixbench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// Layer is what a mixer is measured in: a layer of SmolLM-135M, one sequence.
var Layer = arch.Model{
	Hidden: 576, Heads: 9, KVHeads: 3, HeadDim: 64, NormEps: 1e-5,
	Rope: arch.Rope{Theta: 10000, Dim: 64},
}

// Chunk is the number of tokens in a block of a kernel.
const Chunk = 64

// Mixer measures a mixer's chunked form from x to heads, its projections to
// queries, keys and values included, at [1, tokens]. With backward, the gradients
// of the sum of squares of the heads with respect to x and all tensors as well.
func Mixer(e compute.Backend, x arch.Mixer, tokens int, backward bool, least time.Duration) ([]float64, error) {
	model := Layer
	names := []string{"x", "cos", "sin"}
	half := model.Rope.Dim / 2
	args := []any{random(1, tokens, model.Hidden)}
	cos, sin := ops.RotaryTable(model.Rope, 0, tokens)
	args = append(args,
		tensors.FromFlatDataAndDimensions(cos, tokens, half),
		tensors.FromFlatDataAndDimensions(sin, tokens, half))
	for _, p := range model.Projections()[:3] {
		if x.Inherits(p.Name) {
			names = append(names, p.Name+".weight")
			args = append(args, random(p.Out, p.In))
		}
	}
	for _, w := range x.Weights(&model) {
		names = append(names, w.Name)
		args = append(args, random(w.Shape...))
	}
	return run(e, func(in []*Node) []*Node {
		weights := named{}
		for i, name := range names {
			weights["layer."+name] = in[i]
		}
		l := mixers.Layer{
			Model: &model, Mixer: x, Prefix: "layer", Weights: weights,
			Rotation: ops.Rotation{Cos: in[1], Sin: in[2]}, Capacity: tokens,
		}
		y, _ := mixers.For(x.Name).Chunked(l, in[0], mixers.State{})
		if !backward {
			return []*Node{y}
		}
		wrt := append([]*Node{in[0]}, in[3:]...)
		return Gradient(ReduceAllSum(Square(y)), wrt...)
	}, args, least)
}

// Kernels are the recurrences that can be measured alone.
var Kernels = []string{"linear", "decay", "channel", "delta", "gated-delta", "kda"}

// Kernel measures a recurrence alone, forward and backward with respect to all its
// inputs, at [9, 1, tokens, 64] in blocks of [Chunk].
func Kernel(e compute.Backend, kind string, tokens int, least time.Duration) ([]float64, error) {
	h, d := Layer.Heads, Layer.HeadDim
	args := []any{random(h, 1, tokens, d), random(h, 1, tokens, d), random(h, 1, tokens, d)}
	var decay, beta bool
	switch kind {
	case "decay", "gated-delta":
		args, decay = append(args, negative(h, 1, tokens, 1)), true
	case "channel", "kda":
		args, decay = append(args, negative(h, 1, tokens, d)), true
	}
	switch kind {
	case "delta", "gated-delta", "kda":
		args, beta = append(args, negative(h, 1, tokens, 1)), true
	}
	return run(e, func(in []*Node) []*Node {
		rest := in[3:]
		s := scan.Inputs{Q: in[0], K: MulScalar(in[1], 1/math.Sqrt(float64(d))), V: in[2]}
		if decay {
			s.LogDecay, rest = rest[0], rest[1:]
		}
		if beta {
			s.Beta = Exp(rest[0])
		}
		o, _ := s.Chunked(Chunk, false)
		return Gradient(ReduceAllSum(Square(o)), in...)
	}, args, least)
}

func run(e compute.Backend, graph func(in []*Node) []*Node, args []any, least time.Duration) ([]float64, error) {
	exec, err := NewExec(e, graph)
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	var seconds []float64
	var spent time.Duration
	for i := 0; i <= 1 || spent < least; i++ {
		start := time.Now()
		out, err := exec.Call(args...)
		if err != nil {
			return nil, fmt.Errorf("run: %w", err)
		}
		for _, o := range out {
			if err := o.ToLocal(); err != nil { // an engine may return before it has computed
				return nil, fmt.Errorf("run: %w", err)
			}
			o.MustFinalizeAll()
		}
		if took := time.Since(start); i > 0 { // the first call compiles
			seconds, spent = append(seconds, took.Seconds()), spent+took
		}
	}
	return seconds, nil
}

// named are a layer's tensors as nodes.
type named map[string]*Node

func (n named) Weight(_ *Graph, name string) *Node {
	if n[name] == nil {
		panic(fmt.Errorf("no tensor %s", name))
	}
	return n[name]
}

func (n named) Has(name string) bool { return n[name] != nil }

// random is N(0, 1/last dimension): products of such stay near 1.
func random(shape ...int) *tensors.Tensor {
	return drawn(func(v, scale float64) float64 { return v * scale }, shape)
}

// negative is −|N(0, 1)|/10, as log-decays and logarithms of β are.
func negative(shape ...int) *tensors.Tensor {
	return drawn(func(v, _ float64) float64 { return -math.Abs(v) / 10 }, shape)
}

func drawn(form func(v, scale float64) float64, shape []int) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(1, uint64(len(shape))))
	n := 1
	for _, d := range shape {
		n *= d
	}
	scale := 1 / math.Sqrt(float64(shape[len(shape)-1]))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(form(rng.NormFloat64(), scale))
	}
	return tensors.FromFlatDataAndDimensions(v, shape...)
}

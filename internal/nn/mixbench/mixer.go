package mixbench

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Mixer measures a mixer's chunked form from x to heads, its projections to
// queries, keys and values included, at [1, tokens] in one graph. With backward, the
// gradients of the sum of squares of the heads with respect to x and all tensors as well.
func Mixer(e compute.Backend, x arch.Mixer, tokens int, backward bool, least time.Duration) (Times, error) {
	w := weightsOf(x)
	args := append(place(0, tokens), w.values...)
	return run(e, func(in []*Node) []*Node {
		y, _ := mixers.For(x.Name).Chunked(w.layer(x, in), in[0], mixers.State{})
		if !backward {
			return []*Node{y}
		}
		wrt := append([]*Node{in[0]}, in[3:]...)
		return Gradient(ReduceAllSum(Square(y)), wrt...)
	}, args, least)
}

// MixerInSegments measures the forward pass as a long sequence is read: segment tokens at a
// time, each from the states of the one before.
func MixerInSegments(e compute.Backend, x arch.Mixer, tokens, segment int, least time.Duration) (Times, error) {
	w := weightsOf(x)
	exec, err := NewExec(e, func(in []*Node) []*Node {
		from, in := mixers.State{Seen: in[0]}, in[1:]
		n := len(x.State(&Layer, 0))
		from.Tensors, in = in[:n], in[n:]
		l := w.layer(x, in)
		l.KeepState = true
		if x.Grows() {
			l.Capacity = from.Tensors[0].Shape().Dim(2)
		}
		y, next := mixers.For(x.Name).Chunked(l, in[0], from)
		return append([]*Node{y}, next.Tensors...)
	})
	if err != nil {
		return Times{}, err
	}
	defer exec.Finalize()
	longer, err := NewExec(e, func(x, more *Node) *Node { return Concatenate([]*Node{x, more}, 2) })
	if err != nil {
		return Times{}, err
	}
	defer longer.Finalize()

	var parts [][]any
	for at := 0; at < tokens; at += segment {
		parts = append(parts, append(place(at, min(segment, tokens-at)), w.values...))
	}
	return timed(least, func() error {
		room := 4 * segment
		states := empty(x, room)
		for i, part := range parts {
			at := i * segment
			if x.Grows() && at == room { // as in package infer
				for k, more := range empty(x, 3*room) {
					old, err := donate(e, states[k])
					if err != nil {
						return err
					}
					if states[k], err = longer.Call1(old[0], more); err != nil {
						return err
					}
				}
				room *= 4
			}
			given, err := donate(e, states...)
			if err != nil {
				return err
			}
			out, err := exec.Call(slices.Concat([]any{int32(at)}, given, part)...)
			if err != nil {
				return err
			}
			if err := finish(out[:1]); err != nil {
				return err
			}
			states = out[1:]
		}
		return finish(states)
	})
}

// empty is the state of a sequence without tokens.
func empty(x arch.Mixer, capacity int) (states []*tensors.Tensor) {
	for _, s := range x.State(&Layer, capacity) {
		states = append(states, tensors.FromShape(shapes.Make(dtypes.Float32, append([]int{1}, s.Shape...)...)))
	}
	return states
}

func donate(e compute.Backend, states ...*tensors.Tensor) (args []any, err error) {
	for _, s := range states {
		given, err := DonateTensorBuffer(s, e, 0)
		if err != nil {
			return nil, err
		}
		args = append(args, given)
	}
	return args, nil
}

// place is a layer's input and the rotations of n positions.
func place(first, n int) []any {
	half := Layer.Rope.Dim / 2
	cos, sin := ops.RotaryTable(Layer.Rope, first, n, n)
	return []any{
		random(1, n, Layer.Hidden),
		tensors.FromFlatDataAndDimensions(cos, n, half),
		tensors.FromFlatDataAndDimensions(sin, n, half),
	}
}

// weights are a layer's tensors.
type weights struct {
	names  []string
	values []any
}

func weightsOf(x arch.Mixer) (w weights) {
	model := Layer
	for _, p := range model.Projections()[:3] {
		if x.Inherits(p.Name) {
			w.names, w.values = append(w.names, p.Name+".weight"), append(w.values, random(p.Out, p.In))
		}
	}
	for _, own := range x.Weights(&model) {
		w.names, w.values = append(w.names, own.Name), append(w.values, random(own.Shape...))
	}
	return w
}

// layer is where the mixer stands, in is what place gives and the weights.
func (w weights) layer(x arch.Mixer, in []*Node) mixers.Layer {
	model, byName := Layer, named{}
	for i, name := range w.names {
		byName["layer."+name] = in[3+i]
	}
	return mixers.Layer{
		Model: &model, Mixer: x, Prefix: "layer", Weights: byName,
		Rotation: ops.Rotation{Cos: in[1], Sin: in[2]}, Capacity: in[0].Shape().Dim(1),
	}
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

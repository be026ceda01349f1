// Package ops holds the pieces that every block and every mixer is built from:
// linear layers, norms, activations, rotary positions.
//
// Like all graph-building code here, the functions panic with an error when
// shapes disagree; whoever builds a graph recovers it at the boundary.
//
// Axes: B batch, T time, H query heads, G key-value heads, D head dimension,
// C channels, E hidden size.
//
// # Limits
//
// All numbers are fp32, whatever the files have. [Norm] is over the last axis. A [Rotation] has
// a row for each token of the call: a graph is for so many tokens. Masks of [Dropout] repeat
// after 2³² elements of one array.
package ops

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Weights gives a graph the tensors of a model by their checkpoint names.
type Weights interface {
	// Weight returns a tensor; it panics when there is none of this name.
	Weight(g *Graph, name string) *Node
	// Has reports whether there is one.
	Has(name string) bool
}

// Adapter is the low-rank correction of one linear layer: Scale·(drop(x)·Aᵀ)·Bᵀ with
// A [r, in] and B [out, r].
type Adapter struct {
	A, B  *Node
	Scale float64
	Drop  func(x *Node) *Node // dropout of the input; nil: none
}

// apply computes what the adapter adds to the layer's output.
func (a Adapter) apply(x *Node) *Node {
	if a.Drop != nil {
		x = a.Drop(x)
	}
	return MulScalar(Project(Project(x, a.A), a.B), a.Scale)
}

// Adapted is implemented by weights that carry low-rank adapters.
type Adapted interface {
	// Adapter returns the adapter of a linear module, if it has one.
	Adapter(g *Graph, module string) (Adapter, bool)
}

// Linear computes y = x·Wᵀ + b, and adds the module's adapter where there is one.
//
//	x    [..., in]
//	W    [out, in]   module + ".weight"
//	b    [out]       module + ".bias", optional
//	out  [..., out]
func Linear(w Weights, module string, x *Node) *Node {
	g := x.Graph()
	y := Project(x, w.Weight(g, module+".weight"))
	if w.Has(module + ".bias") {
		y = Add(y, ExpandLeftToRank(w.Weight(g, module+".bias"), y.Rank()))
	}
	if a, ok := w.(Adapted); ok {
		if low, ok := a.Adapter(g, module); ok {
			y = Add(y, low.apply(x))
		}
	}
	return y
}

// Project computes x·Wᵀ for x [..., in] and W [out, in]. The leading axes are
// folded into one, so that the engine sees a single matrix product.
func Project(x, w *Node) *Node {
	dims := x.Shape().Dimensions
	in := dims[len(dims)-1]
	if w.Rank() != 2 || w.Shape().Dim(1) != in {
		exceptions.Panicf("ops: Project(x=%s, w=%s): want w [out %d]", x.Shape(), w.Shape(), in)
	}
	rows := x.Shape().Size() / in
	y := DotGeneral(Reshape(x, rows, in), []int{1}, nil, w, []int{1}, nil)
	return Reshape(y, append(append([]int{}, dims[:len(dims)-1]...), w.Shape().Dim(0))...)
}

// SplitHeads turns [B, T, H·D] into [B, H, T, D].
func SplitHeads(x *Node, heads int) *Node {
	b, t, c := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	return TransposeAllAxes(Reshape(x, b, t, heads, c/heads), 0, 2, 1, 3)
}

// MergeHeads turns [B, H, T, D] into [B, T, H·D].
func MergeHeads(x *Node) *Node {
	b, h, t, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	return Reshape(TransposeAllAxes(x, 0, 2, 1, 3), b, t, h*d)
}

package ops

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Rotation holds the rotary tables of the positions at hand, one row per token.
type Rotation struct {
	Cos, Sin *Node // [T, Dim/2]
}

// RotaryTable computes cos and sin of position·theta^(-2i/Dim) for n positions
// from first on, on the host in float64: a graph that works them out in a
// narrower type is off by whole radians after a few thousand tokens.
//
// Each result is [n, Dim/2] in row order.
//
// Source: Su et al. 2021, arXiv:2104.09864; half rotation as in transformers.
func RotaryTable(r arch.Rope, first, n int) (cos, sin []float32) {
	half := r.Dim / 2
	cos, sin = make([]float32, n*half), make([]float32, n*half)
	for t := range n {
		for i := range half {
			angle := float64(first+t) * math.Pow(r.Theta, -2*float64(i)/float64(r.Dim))
			cos[t*half+i], sin[t*half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return cos, sin
}

// ConstRotation puts the tables of positions 0 … n-1 into the graph.
func ConstRotation(g *Graph, r arch.Rope, n int) Rotation {
	cos, sin := RotaryTable(r, 0, n)
	return Rotation{
		Cos: Reshape(Const(g, cos), n, r.Dim/2),
		Sin: Reshape(Const(g, sin), n, r.Dim/2),
	}
}

// Apply rotates the first Dim dimensions of every head: the pair (x_i, x_{i+Dim/2})
// turns by the angle of its position; the rest passes.
//
//	x, out  [B, H, T, D]
func (r Rotation) Apply(x *Node) *Node {
	half := r.Cos.Shape().Dim(1)
	d := x.Shape().Dim(3)
	all := AxisRange()
	cos, sin := ExpandLeftToRank(r.Cos, 4), ExpandLeftToRank(r.Sin, 4)
	a := Slice(x, all, all, all, AxisRange(0, half))
	b := Slice(x, all, all, all, AxisRange(half, 2*half))
	parts := []*Node{
		Sub(Mul(a, cos), Mul(b, sin)),
		Add(Mul(b, cos), Mul(a, sin)),
	}
	if d > 2*half {
		parts = append(parts, Slice(x, all, all, all, AxisRange(2*half, d)))
	}
	return Concatenate(parts, -1)
}

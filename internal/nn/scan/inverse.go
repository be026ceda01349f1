package scan

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// substituted is the largest triangle that is inverted column by column; larger
// ones are halved. Measured on the engine go.
const substituted = 8

// solve returns x with (I − L) x = r for each right side r, by the inverse of
// I − L, since no engine has a triangular solver.
//
//	lower  [..., C, C]  L, zero on and above its diagonal
//	right  [..., C, D]  of any widths D
//
// The gradients are written by hand: dr = (I − L)⁻ᵀ dx, and dL is what lies below
// the diagonal of Σ dr xᵀ. Nothing is differentiated through the inverse.
func solve(lower *Node, right ...*Node) []*Node {
	var met []meeting
	inv := inverse(IdentityWithCustomGradient(lower, func(_, _ *Node) *Node {
		slope := total(&met, func(m meeting) *Node { return product(m.db, m.y, true) })
		below := reached(past, slope.Graph(), slope.Shape().Dim(-1), 1, 0)
		return Mul(slope, ExpandLeftToRank(below, slope.Rank()))
	}))
	return multiply(inv, &met, right...)
}

// inverse is (I − L)⁻¹ for L [..., n, n], zero on and above its diagonal. It has no
// gradient that is worth computing.
//
// Entries of L may be as large as 2, of either sign: halving does not cancel
// large powers of L against each other, as the series I + L + L² + … would.
func inverse(l *Node) *Node {
	dims := l.Shape().Dimensions
	n := dims[len(dims)-1]
	base, wide := n, n
	for halvings := 1; base > substituted; halvings++ {
		base = (n + 1<<halvings - 1) >> halvings
		wide = base << halvings
	}
	l = Reshape(l, -1, n, n)
	if wide > n {
		l = fillRows(l, wide)
		l = Concatenate([]*Node{l, Zeros(l.Graph(), ops.F32(l.Shape().Dim(0), wide, wide-n))}, 2)
	}
	t := halved(l)
	return Reshape(ops.Span(ops.Span(t, 1, 0, n), 2, 0, n), dims...)
}

// halved inverts I − L of [R, n, n] by
//
//	⎡  A 0 ⎤⁻¹   ⎡    A⁻¹      0  ⎤
//	⎣ −B D ⎦   = ⎣ D⁻¹ B A⁻¹  D⁻¹ ⎦
//
// with A and D as one batch, so that the graph grows with log n.
func halved(l *Node) *Node {
	r, n := l.Shape().Dim(0), l.Shape().Dim(1)
	if n <= substituted {
		return substitute(l)
	}
	h := n / 2
	quarter := func(row, column int) *Node {
		return Slice(l, AxisRange(), AxisRange(row, row+h), AxisRange(column, column+h))
	}
	both := halved(Concatenate([]*Node{quarter(0, 0), quarter(h, h)}, 0))
	a, d := ops.Take(both, 0, 0, r), ops.Take(both, 0, r, 2*r)
	b := product(d, product(quarter(h, 0), a, false), false)
	return Concatenate([]*Node{
		Concatenate([]*Node{a, ZerosLike(a)}, 2),
		Concatenate([]*Node{b, d}, 2),
	}, 1)
}

// substitute inverts I − L of [R, n, n] by forward substitution, a column of L at
// a time for all R.
func substitute(l *Node) *Node {
	r, n := l.Shape().Dim(0), l.Shape().Dim(1)
	t := BroadcastToDims(ExpandLeftToRank(identity(l.Graph(), n), 3), r, n, n)
	for i := range n - 1 {
		t = Add(t, Mul(ops.Span(l, 2, i, i+1), ops.Span(t, 1, i, i+1)))
	}
	return t
}

// identity is the [n, n] unit matrix.
func identity(g *Graph, n int) *Node { return ConvertDType(Diagonal(g, n), dtypes.Float32) }

package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// statesThrough runs the recurrence S ← M S + X between blocks whose decay is a
// matrix. Two neighbours are one block, (M₂ M₁, M₂ X₁ + X₂), so pairs are run as
// half as many blocks by the same again, and the states in the middle of pairs
// follow from those at their starts. The graph grows with the logarithm of the
// number of blocks, the work with the number.
//
//	first  [H, B, K, V]       state before the first block
//	m      [H, B, N, K, K]    M of each block
//	x      [H, B, N, K, V]    X of each block
//	before [H, B, N, K, V]    state before each block
//	after  [H, B, K, V]       state after the last
//
// Cost: N·(K³ + 2·K²·V) products per head.
//
// Source: Blelloch 1990, "Prefix sums and their applications".
func statesThrough(first, m, x *Node) (before, after *Node) {
	dims := x.Shape().Dimensions
	h, b, n, k, v := dims[0], dims[1], dims[2], dims[3], dims[4]
	before, after = through(Reshape(first, h*b, 1, k, v), Reshape(m, h*b, n, k, k), Reshape(x, h*b, n, k, v))
	return Reshape(before, h, b, n, k, v), Reshape(after, h, b, k, v)
}

// through is statesThrough for [R, 1, K, V], [R, N, K, K] and [R, N, K, V].
func through(first, m, x *Node) (before, after *Node) {
	r, n, k, v := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	if n == 1 {
		return first, Add(ops.AB(m, first), x)
	}
	if n%2 == 1 {
		// One more block that does nothing: the state before it is the one after the last.
		none := BroadcastToDims(ExpandLeftToRank(identity(x.Graph(), k), 4), r, 1, k, k)
		m = Concatenate([]*Node{m, none}, 1)
		x = Concatenate([]*Node{x, Zeros(x.Graph(), ops.F32(r, 1, k, v))}, 1)
	}
	m1, m2 := alternate(m)
	x1, x2 := alternate(x)
	pair := products(m2, m1, x1)
	starts, after := through(first, pair[0], Add(pair[1], x2))
	middle := Add(ops.AB(m1, starts), x1)
	before = Reshape(Concatenate([]*Node{starts, middle}, 2), r, -1, k, v)
	if n%2 == 1 {
		before, _ = ops.SplitAt(before, 1, n)
	}
	return before, after
}

// alternate takes the first, third … and the second, fourth … of an even number of
// entries of axis 1.
func alternate(x *Node) (odd, even *Node) {
	dims := x.Shape().Dimensions
	both := Reshape(x, dimensions(dimensions(dims[:1], dims[1]/2, 2), dims[2:]...)...)
	odd, even = ops.SplitAt(both, 2, 1)
	return Squeeze(odd, 2), Squeeze(even, 2)
}

package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// StatesThrough runs the recurrence S ← M S + X between blocks whose decay is a
// matrix. Two neighbours are one block, (M₂ M₁, M₂ X₁ + X₂), so pairs are run as
// half as many blocks by the same again, and the states in the middle of pairs
// follow from those at their starts. The graph grows with the logarithm of the
// number of blocks, the work with the number.
//
//	first  [H, B, K, V]       state before the first block
//	m      [H, B, N, K, K]    M of each block
//	x      [H, B, N, K, V]    X of each block
//	out    [H, B, N+1, K, V]  state before each block, and after the last
//
// Cost: N·(K³ + 2·K²·V) products per head.
//
// Source: Blelloch 1990, "Prefix sums and their applications".
func StatesThrough(first, m, x *Node) *Node {
	dims := x.Shape().Dimensions
	h, b, n, k, v := dims[0], dims[1], dims[2], dims[3], dims[4]
	states := through(Reshape(first, h*b, 1, k, v), Reshape(m, h*b, n, k, k), Reshape(x, h*b, n, k, v))
	return Reshape(states, h, b, n+1, k, v)
}

// through is StatesThrough for [R, 1, K, V], [R, N, K, K] and [R, N, K, V].
func through(first, m, x *Node) *Node {
	r, n, k, v := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	if n == 1 {
		return Concatenate([]*Node{first, Add(ops.AB(m, first), x)}, 1)
	}
	if n%2 == 1 {
		// One more block that does nothing: the state before it is the one after the last.
		none := BroadcastToDims(ExpandLeftToRank(identity(x.Graph(), k), 4), r, 1, k, k)
		m = Concatenate([]*Node{m, none}, 1)
		x = Concatenate([]*Node{x, Zeros(x.Graph(), ops.F32(r, 1, k, v))}, 1)
	}
	pairs := (n + 1) / 2
	m1, m2 := alternate(m)
	x1, x2 := alternate(x)
	starts := through(first, ops.AB(m2, m1), Add(ops.AB(m2, x1), x2)) // [R, N/2+1, K, V]
	begin, last := split(starts, 1, pairs)
	middle := Add(ops.AB(m1, begin), x1)
	all := Reshape(Concatenate([]*Node{begin, middle}, 2), r, 2*pairs, k, v)
	if n%2 == 1 {
		return all
	}
	return Concatenate([]*Node{all, last}, 1)
}

package scan

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// split cuts x [..., n, ...] in two along an axis, behind its first at entries. Its
// gradient puts the two back together, where the automatic one of slices pads both
// with zeros and adds them up.
func split(x *Node, axis, at int) (a, b *Node) {
	n := x.Shape().Dim(axis)
	var da, db *Node
	x = IdentityWithCustomGradient(x, func(x, _ *Node) *Node {
		dx := Concatenate([]*Node{orZeros(da, x, axis, at), orZeros(db, x, axis, n-at)}, axis)
		da, db = nil, nil // another gradient may not depend on both
		return dx
	})
	a = IdentityWithCustomGradient(take(x, axis, 0, at), func(_, v *Node) *Node { da = v; return v })
	b = IdentityWithCustomGradient(take(x, axis, at, n), func(_, v *Node) *Node { db = v; return v })
	return a, b
}

// orZeros is d, or where nothing depended on this part of x, zeros.
func orZeros(d, x *Node, axis, n int) *Node {
	if d != nil {
		return d
	}
	dims := x.Shape().Clone().Dimensions
	dims[axis] = n
	return Zeros(x.Graph(), ops.F32(dims...))
}

// take is ops.Span for long runs of numbers. The engine go slices number by number,
// in twice the time that it takes to gather.
func take(x *Node, axis, from, to int) *Node {
	const long = 32
	dims := x.Shape().Clone().Dimensions
	lead, n, run := 1, dims[axis], 1
	for _, d := range dims[:axis] {
		lead *= d
	}
	for _, d := range dims[axis+1:] {
		run *= d
	}
	unit := gcd(gcd(n, from), to)
	if run *= unit; run < long || from == 0 && to == n {
		return ops.Span(x, axis, from, to)
	}
	index := shapes.Make(dtypes.Int32, lead, (to-from)/unit)
	g := x.Graph()
	at := AddScalar(Add(MulScalar(Iota(g, index, 0), n/unit), Iota(g, index, 1)), from/unit)
	dims[axis] = to - from
	return Reshape(Gather(Reshape(x, lead*n/unit, run), Reshape(at, -1, 1), true), dims...)
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// alternate takes the first, third … and the second, fourth … of an even number of
// entries of axis 1.
func alternate(x *Node) (odd, even *Node) {
	dims := x.Shape().Dimensions
	both := Reshape(x, dimensions(dimensions(dims[:1], dims[1]/2, 2), dims[2:]...)...)
	odd, even = split(both, 2, 1)
	return Squeeze(odd, 2), Squeeze(even, 2)
}

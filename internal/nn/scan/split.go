package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// split cuts x [..., n, ...] in two along an axis, after its first at entries. Its
// gradient puts the two back together; the automatic one pads both with zeros and
// adds them up.
func split(x *Node, axis, at int) (a, b *Node) {
	var da, db *Node
	x = IdentityWithCustomGradient(x, func(x, _ *Node) *Node {
		dims := x.Shape().Clone().Dimensions
		n := dims[axis]
		if da == nil {
			dims[axis] = at
			da = Zeros(x.Graph(), ops.F32(dims...))
		}
		if db == nil {
			dims[axis] = n - at
			db = Zeros(x.Graph(), ops.F32(dims...))
		}
		return Concatenate([]*Node{da, db}, axis)
	})
	a = IdentityWithCustomGradient(ops.Span(x, axis, 0, at), func(_, v *Node) *Node { da = v; return v })
	b = IdentityWithCustomGradient(ops.Span(x, axis, at, x.Shape().Dim(axis)), func(_, v *Node) *Node { db = v; return v })
	return a, b
}

// alternate takes the first, third … and the second, fourth … of an even number of
// entries of axis 1.
func alternate(x *Node) (odd, even *Node) {
	dims := x.Shape().Dimensions
	both := Reshape(x, dimensions(append(dimensions(dims[:1], dims[1]/2), 2), dims[2:]...)...)
	odd, even = split(both, 2, 1)
	return Squeeze(odd, 2), Squeeze(even, 2)
}

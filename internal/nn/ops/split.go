package ops

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// SplitAt cuts x [..., n, ...] in two along an axis, behind its first at entries. Its
// gradient puts the two back together, where the automatic one of slices pads both
// with zeros and adds them up.
func SplitAt(x *Node, axis, at int) (a, b *Node) {
	parts := Parts(x, axis, at, x.Shape().Dim(axis)-at)
	return parts[0], parts[1]
}

// First is the first n entries of an axis, with that gradient.
func First(x *Node, axis, n int) *Node {
	if n == x.Shape().Dim(axis) {
		return x
	}
	first, _ := SplitAt(x, axis, n)
	return first
}

// Parts is [SplitAt] into parts of these sizes, which come to n.
func Parts(x *Node, axis int, sizes ...int) []*Node {
	if len(sizes) == 1 {
		return []*Node{x}
	}
	slopes := make([]*Node, len(sizes))
	x = IdentityWithCustomGradient(x, func(x, _ *Node) *Node {
		dims := x.Shape().Clone().Dimensions
		for i, size := range sizes {
			if slopes[i] == nil { // nothing depended on this part
				dims[axis] = size
				slopes[i] = Zeros(x.Graph(), F32(dims...))
			}
		}
		dx := Concatenate(slopes, axis)
		clear(slopes) // another gradient may not depend on all
		return dx
	})
	parts := make([]*Node, len(sizes))
	at := 0
	for i, size := range sizes {
		parts[i] = IdentityWithCustomGradient(Take(x, axis, at, at+size), func(_, v *Node) *Node { slopes[i] = v; return v })
		at += size
	}
	return parts
}

// Take is [Span] for long runs of numbers. The engine go slices number by number,
// in twice the time that it takes to gather.
func Take(x *Node, axis, from, to int) *Node {
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
		return Span(x, axis, from, to)
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

package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Several products with one matrix. As products of their own (see [ops.AB]) each
// would transpose it anew, which on the engine go takes longer than the product.
// Like there, gradients are written by hand, and take what they need from nodes of
// the result, since under checkpointing these are recomputed ones.

// meeting is one product y = a·b with its slopes, on the way back.
type meeting struct{ b, y, db, dy *Node }

// products is a·b over the last two axes for each b.
func products(a *Node, bs ...*Node) []*Node {
	var met []meeting
	a = IdentityWithCustomGradient(a, func(_, _ *Node) *Node {
		return total(&met, func(m meeting) *Node { return product(m.dy, m.b, true) })
	})
	return multiply(a, &met, bs...)
}

// multiply is a·b for each b, with gradients for these alone. On the way back it notes
// what a's gradient can be made of.
func multiply(a *Node, met *[]meeting, bs ...*Node) []*Node {
	var turned *Node // aᵀ
	out := make([]*Node, len(bs))
	for i, b := range bs {
		var db *Node
		b = IdentityWithCustomGradient(b, func(_, _ *Node) *Node { return db })
		out[i] = IdentityWithCustomGradient(product(a, b, false), func(y, dy *Node) *Node {
			in := y.Inputs()[0].Inputs()
			if turned == nil {
				turned = ops.Turned(in[0])
			}
			db = product(turned, dy, false)
			*met = append(*met, meeting{in[1], y, db, dy})
			return dy
		})
	}
	return out
}

// outers is aᵀ·b over the last two axes for each b.
func outers(a *Node, bs ...*Node) []*Node {
	var met []meeting
	a = IdentityWithCustomGradient(a, func(_, _ *Node) *Node {
		return total(&met, func(m meeting) *Node { return product(m.b, m.dy, true) })
	})
	turned := ops.Turned(a)
	out := make([]*Node, len(bs))
	for i, b := range bs {
		var db *Node
		b = IdentityWithCustomGradient(b, func(_, _ *Node) *Node { return db })
		out[i] = IdentityWithCustomGradient(product(turned, b, false), func(y, dy *Node) *Node {
			in := y.Inputs()[0].Inputs()
			left := in[0]
			for left.Type() != NodeTypeIdentity { // what was turned
				left = left.Inputs()[0]
			}
			db = product(left, dy, false)
			met = append(met, meeting{in[1], y, db, dy})
			return dy
		})
	}
	return out
}

// total sums one term of each product met, and forgets them: another gradient through
// the same graph meets them anew.
func total(met *[]meeting, term func(meeting) *Node) *Node {
	sum := term((*met)[0])
	for _, m := range (*met)[1:] {
		sum = Add(sum, term(m))
	}
	*met = nil
	return sum
}

// product is a·b over the last two axes, or a·bᵀ, all others being batch axes, with
// the automatic gradient.
func product(a, b *Node, turned bool) *Node {
	n := a.Rank() - 2
	batch := make([]int, n)
	for i := range batch {
		batch[i] = i
	}
	contract := n
	if turned {
		contract = n + 1
	}
	return DotGeneral(a, []int{n + 1}, batch, b, []int{contract}, batch)
}

package ops

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// The products and the two softmax pieces here have gradients written by hand.
// The automatic ones are right, but transpose and pass over arrays of scores, the
// largest there are, several times more than they have to: without this file
// softmax attention takes twice as long on the engine `go`.
//
// Each puts an identity with a gradient of its own around operands and result. A
// backward pass meets the result first, so what arrives there can be kept for
// the operands; what remains of the automatic gradient is dead code, which
// engines drop. Operands are taken from the result's node, not from the closure,
// since under gradient checkpointing it is a recomputed one.

// bilinear builds the one DotGeneral of forward, with gradients da and db.
func bilinear(a, b *Node, forward func(a, b *Node) *Node, da, db func(a, b, dy *Node) *Node) *Node {
	var left, right, dy *Node
	a = IdentityWithCustomGradient(a, func(_, _ *Node) *Node { return da(left, right, dy) })
	b = IdentityWithCustomGradient(b, func(_, _ *Node) *Node { return db(left, right, dy) })
	return IdentityWithCustomGradient(forward(a, b), func(y, v *Node) *Node {
		in := y.Inputs()[0].Inputs()
		left, right, dy = in[0], in[1], v
		for left.Type() != NodeTypeIdentity { // what was turned, for AtB
			left = left.Inputs()[0]
		}
		return v
	})
}

// AB is a·b over the last two axes, all others being batch axes.
func AB(a, b *Node) *Node {
	return bilinear(a, b, dotAB,
		func(_, b, dy *Node) *Node { return dotABt(dy, b) },
		func(a, _, dy *Node) *Node { return dotAtB(a, dy) })
}

// ABt is a·bᵀ over the last two axes: every row of a with every row of b.
func ABt(a, b *Node) *Node {
	return bilinear(a, b, dotABt,
		func(_, b, dy *Node) *Node { return dotAB(dy, b) },
		func(a, _, dy *Node) *Node { return dotAtB(dy, a) })
}

// AtB is aᵀ·b over the last two axes: the sum of the outer products of rows.
func AtB(a, b *Node) *Node {
	return bilinear(a, b, func(a, b *Node) *Node { return dotAB(Turned(a), b) },
		func(_, b, dy *Node) *Node { return dotABt(b, dy) },
		func(a, _, dy *Node) *Node { return dotAB(a, dy) })
}

func dotAB(a, b *Node) *Node {
	n := a.Rank() - 2
	return DotGeneral(a, []int{n + 1}, axes(n), b, []int{n}, axes(n))
}

func dotABt(a, b *Node) *Node {
	n := a.Rank() - 2
	return DotGeneral(a, []int{n + 1}, axes(n), b, []int{n + 1}, axes(n))
}

// dotAtB is aᵀ·b, transposing whichever is less: a, or b and the result.
func dotAtB(a, b *Node) *Node {
	n := a.Rank() - 2
	rows, p, q := a.Shape().Dim(n), a.Shape().Dim(n+1), b.Shape().Dim(n+1)
	if rows*p <= rows*q+p*q {
		return dotAB(Turned(a), b)
	}
	return Turned(dotAB(Turned(b), a))
}

// Turned exchanges the last two axes. The engine go does that number by number where there
// are others: so x is turned as one matrix, and then its columns are put in order, run by run.
func Turned(x *Node) *Node {
	const long = 16
	dims := slices.Clone(x.Shape().Dimensions)
	n := len(dims) - 2
	rows, columns := dims[n], dims[n+1]
	dims[n], dims[n+1] = columns, rows
	all := x.Shape().Size() / (rows * columns)
	if all == 1 || rows < long {
		return Transpose(x, -2, -1)
	}
	x = Reshape(Transpose(Reshape(x, all*rows, columns), 0, 1), columns, all, rows)
	return Reshape(TransposeAllAxes(x, 1, 0, 2), dims...)
}

func axes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// SoftmaxRows is p = softmax(s) over the last axis, ds = p ⊙ (dp − Σ p ⊙ dp).
func SoftmaxRows(s *Node) *Node {
	var p, dp *Node
	s = IdentityWithCustomGradient(s, func(_, _ *Node) *Node {
		v := Mul(p, dp)
		return Sub(v, Mul(p, ReduceAndKeep(v, ReduceSum, -1)))
	})
	return IdentityWithCustomGradient(Softmax(s, -1), func(y, v *Node) *Node {
		p, dp = y, v
		return v
	})
}

// ExpBelowMax is e = exp(s − max s) over the last axis, the maximum taking part
// in the gradient: what all entries lose through it goes to the n that it is, in
// equal parts, as torch's amax has it.
//
//	ds = e ⊙ de − [s = max s] Σ e ⊙ de / n
func ExpBelowMax(s *Node) *Node {
	below := Sub(s, StopGradient(ReduceAndKeep(s, ReduceMax, -1)))
	return Exp(IdentityWithCustomGradient(below, func(below, v *Node) *Node {
		most := ConvertDType(Equal(below, ScalarZero(v.Graph(), dtypes.Float32)), dtypes.Float32)
		share := Div(ReduceAndKeep(v, ReduceSum, -1), ReduceAndKeep(most, ReduceSum, -1))
		return Sub(v, Mul(most, share))
	}))
}

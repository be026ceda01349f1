// Package scan computes linear recurrences over a matrix-valued state, the heart of
// every linear mixer, block by block: the tokens of a block at once by matrix
// products, and between blocks only the state.
//
// Axes: H heads, B batch, T time, K key and V value dimensions, N blocks of C tokens.
//
// # Limits
//
// All numbers are fp32. Log-decays are at most 0, and what is below −104 is a decay to nothing.
// The delta rule wants keys of a length of at most 1 and β of at most 2: the inverse that it takes
// for a block grows with longer ones. A gradient holds the state before each block, T/C of them.
package scan

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// The linear mixers work with heads first, [H, B, T, ·], so that what belongs to
// a head (a feature map, a decay) meets it as the leading batch axis of a matrix
// product. Time is cut into blocks: [H, B, N, C, ·] with N·C >= T, and the places
// after T are filled with tokens that add nothing to the state.

// Masked is what a forbidden score or log-decay is replaced by: far below any real
// one, and finite, so that no row turns into NaN.
const Masked = -1e9

// Blocks says how T tokens are cut.
type Blocks struct {
	Tokens int // T
	Size   int // C
	Count  int // N
}

// CutInto cuts into blocks of size, or into one where there are fewer tokens.
func CutInto(tokens, size int) Blocks {
	size = max(1, min(size, tokens))
	return Blocks{tokens, size, (tokens + size - 1) / size}
}

// Sizes are the tokens of each block.
func (c Blocks) Sizes() []int {
	sizes := slices.Repeat([]int{c.Size}, c.Count)
	sizes[c.Count-1] = c.Tokens - (c.Count-1)*c.Size
	return sizes
}

// Cut turns [H, B, T, ...] into [H, B, N, C, ...], filling up with zeros.
func (c Blocks) Cut(x *Node) *Node {
	dims := x.Shape().Dimensions
	out := append([]int{dims[0], dims[1], c.Count, c.Size}, dims[3:]...)
	return Reshape(Fill(x, c.Count*c.Size), out...)
}

// Join is the inverse of Cut.
func (c Blocks) Join(x *Node) *Node {
	dims := x.Shape().Dimensions
	out := append([]int{dims[0], dims[1], c.Count * c.Size}, dims[4:]...)
	return ops.Span(Reshape(x, out...), 2, 0, c.Tokens)
}

// Fill appends zeros to the time axis, the third, until it has n entries.
func Fill(x *Node, n int) *Node {
	dims := x.Shape().Clone().Dimensions
	if dims[2] == n {
		return x
	}
	dims[2] = n - dims[2]
	return Concatenate([]*Node{x, Zeros(x.Graph(), ops.F32(dims...))}, 2)
}

// Swap exchanges the first two axes: [B, H, ...] for [H, B, ...] and back.
func Swap(x *Node) *Node {
	order := make([]int, x.Rank())
	for i := range order {
		order[i] = i
	}
	order[0], order[1] = 1, 0
	return TransposeAllAxes(x, order...)
}

// PerQuery repeats [G, ...] for the r query heads of each group, giving [G·r, ...].
func PerQuery(x *Node, r int) *Node {
	if r == 1 {
		return x
	}
	dims := x.Shape().Dimensions
	wide := append([]int{dims[0], r}, dims[1:]...)
	out := append([]int{dims[0] * r}, dims[1:]...)
	var dy *Node
	x = IdentityWithCustomGradient(x, func(_, _ *Node) *Node { return ReduceSum(Reshape(dy, wide...), 1) })
	// The engine go copies runs, but broadcasts number by number.
	y := Reshape(Concatenate(slices.Repeat([]*Node{InsertAxes(x, 1)}, r), 1), out...)
	return IdentityWithCustomGradient(y, func(_, v *Node) *Node { dy = v; return v })
}

// PerHead gives one number per head, [H], the axes to meet [H, ...] of some rank.
func PerHead(x *Node, rank int) *Node {
	dims := append([]int{x.Shape().Dim(0)}, make([]int, rank-1)...)
	for i := 1; i < rank; i++ {
		dims[i] = 1
	}
	return Reshape(x, dims...)
}

// Lower is [n, n] with on at and below the diagonal, else off. It is computed
// where it is used: as a constant every layer would hold one of its own.
func Lower(g *Graph, n int, on, off float32) *Node {
	index := shapes.Make(dtypes.Int32, n, n)
	return Where(LessOrEqual(Iota(g, index, 1), Iota(g, index, 0)), Const(g, on), Const(g, off))
}

// AppendOne appends a column that is 1, so that one product with the values
// yields the sum of the weights as well: [..., D] becomes [..., D+1].
func AppendOne(v *Node) *Node {
	dims := v.Shape().Clone().Dimensions
	dims[len(dims)-1] = 1
	return Concatenate([]*Node{v, Ones(v.Graph(), ops.F32(dims...))}, -1)
}

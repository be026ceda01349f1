package mixers

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// The linear mixers work with heads first, [H, B, T, ·], so that what belongs to
// a head (a feature map, a decay) meets it as the leading batch axis of a matrix
// product. Time is cut into blocks: [H, B, N, C, ·] with N·C >= T, and the places
// after T are filled with tokens that add nothing to the state.

// blocks says how T tokens are cut.
type blocks struct {
	tokens int // T
	size   int // C
	count  int // N
}

func cutInto(tokens, size int) blocks {
	size = max(1, min(size, tokens))
	return blocks{tokens, size, (tokens + size - 1) / size}
}

// blocks chooses the blocks of a call over T tokens, unless the layer says. A block
// costs C per token within it and D (or the window) between blocks, so the two
// should be alike. BenchmarkMixer, whose heads have 8 dimensions, has a flat minimum
// at C = 16.
func (l Layer) blocks(tokens, window int) blocks {
	if l.Chunk > 0 {
		return cutInto(tokens, l.Chunk)
	}
	return cutInto(tokens, min(64, max(16, l.Model.HeadDim, window)))
}

// cut turns [H, B, T, ...] into [H, B, N, C, ...], filling up with zeros.
func (c blocks) cut(x *Node) *Node {
	dims := x.Shape().Dimensions
	out := append([]int{dims[0], dims[1], c.count, c.size}, dims[3:]...)
	return Reshape(fill(x, c.count*c.size), out...)
}

// join is the inverse of cut.
func (c blocks) join(x *Node) *Node {
	dims := x.Shape().Dimensions
	out := append([]int{dims[0], dims[1], c.count * c.size}, dims[4:]...)
	return span(Reshape(x, out...), 2, 0, c.tokens)
}

// span takes from … to-1 of one axis.
func span(x *Node, axis, from, to int) *Node {
	if from == 0 && to == x.Shape().Dim(axis) {
		return x
	}
	return SliceAxis(x, axis, AxisRange(from, to))
}

// fill appends zeros to the time axis, the third, until it has n entries.
func fill(x *Node, n int) *Node {
	dims := x.Shape().Clone().Dimensions
	if dims[2] == n {
		return x
	}
	dims[2] = n - dims[2]
	return Concatenate([]*Node{x, Zeros(x.Graph(), shapeF32(dims...))}, 2)
}

// swap exchanges the first two axes: [B, H, ...] for [H, B, ...] and back.
func swap(x *Node) *Node {
	order := make([]int, x.Rank())
	for i := range order {
		order[i] = i
	}
	order[0], order[1] = 1, 0
	return TransposeAllAxes(x, order...)
}

// headsFirst turns [B, T, H·D] into [H, B, T, D].
func headsFirst(x *Node, heads int) *Node {
	b, t, c := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	return TransposeAllAxes(Reshape(x, b, t, heads, c/heads), 2, 0, 1, 3)
}

// headsLast turns [H, B, T, D] into [B, T, H·D].
func headsLast(x *Node) *Node {
	h, b, t, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	return Reshape(TransposeAllAxes(x, 1, 2, 0, 3), b, t, h*d)
}

// perQuery repeats [G, ...] for the r query heads of each group, giving [G·r, ...].
func perQuery(x *Node, r int) *Node {
	if r == 1 {
		return x
	}
	dims := x.Shape().Dimensions
	wide := append([]int{dims[0], r}, dims[1:]...)
	out := append([]int{dims[0] * r}, dims[1:]...)
	return Reshape(BroadcastToDims(InsertAxes(x, 1), wide...), out...)
}

// perHead gives one number per head, [H], the axes to meet [H, ...] of some rank.
func perHead(x *Node, rank int) *Node {
	dims := append([]int{x.Shape().Dim(0)}, make([]int, rank-1)...)
	for i := 1; i < rank; i++ {
		dims[i] = 1
	}
	return Reshape(x, dims...)
}

// lower is [n, n] with on at and below the diagonal, else off. It is computed
// where it is used: as a constant every layer would hold one of its own.
func lower(g *Graph, n int, on, off float32) *Node {
	index := shapes.Make(dtypes.Int32, n, n)
	return Where(LessOrEqual(Iota(g, index, 1), Iota(g, index, 0)), Const(g, on), Const(g, off))
}

// cumulative sums the last axis from its start up to each place.
func cumulative(x *Node) *Node {
	n := x.Rank() - 1
	return DotGeneral(x, []int{n}, nil, lower(x.Graph(), x.Shape().Dim(n), 1, 0), []int{1}, nil)
}

// decays is [..., n, n]: exp(sum_i − sum_j) for j <= i, else 0, where sum is the
// cumulative log-decay [..., n]. Masked before the exponential, which would
// overflow above the diagonal.
func decays(sum *Node) *Node {
	n := sum.Rank() - 1
	gap := Sub(InsertAxes(sum, -1), InsertAxes(sum, n))
	return Exp(Add(gap, ExpandLeftToRank(lower(sum.Graph(), sum.Shape().Dim(n), 0, masked), gap.Rank())))
}

// statesAt runs the recurrence between blocks as one matrix product with the
// decays between them, so that the graph does not grow with their number.
//
//	first    [H, B, K, V]      state before the first block
//	written  [H, B, N, K, V]   what each block adds, decayed to the block's end
//	logDecay [H, B, N]         log of each block's whole decay; nil: none decays
//	out      [H, B, N+1, K, V] state before each block, and after the last
//
// Cost: N²·K·V products per head, which is not linear in T = N·C. With C = K = V = 64
// that is T², against 4·64²·T for the rest of mamba2: as much at 16384 tokens, and
// 1/128 of what softmax attention needs at any length.
func statesAt(first, written, logDecay *Node) *Node {
	dims := written.Shape().Dimensions
	h, b, n := dims[0], dims[1], dims[2]
	entries := Reshape(Concatenate([]*Node{InsertAxes(first, 2), written}, 2), h, b, n+1, -1)
	var weight *Node // [H, B, N+1, N+1]: how much of each entry is left before each block
	if logDecay == nil {
		weight = BroadcastToDims(ExpandLeftToRank(lower(first.Graph(), n+1, 1, 0), 4), h, b, n+1, n+1)
	} else {
		none := Zeros(first.Graph(), shapeF32(h, b, 1))
		weight = decays(cumulative(Concatenate([]*Node{none, logDecay}, 2)))
	}
	return Reshape(matmul(weight, entries), h, b, n+1, dims[3], dims[4])
}

// appendOne appends a column that is 1, so that one product with the values
// yields the sum of the weights as well: [..., D] becomes [..., D+1].
func appendOne(v *Node) *Node {
	dims := v.Shape().Clone().Dimensions
	dims[len(dims)-1] = 1
	return Concatenate([]*Node{v, Ones(v.Graph(), shapeF32(dims...))}, -1)
}

// softplus is log(1 + exp(x)), finite for any finite x.
func softplus(x *Node) *Node {
	return Add(Max(x, ScalarZero(x.Graph(), dtypes.Float32)), Log1p(Exp(Neg(Abs(x)))))
}

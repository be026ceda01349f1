package mixers

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// terrace is hedgehog over the whole of a sequence with the window in steps: tokens
// are cut into blocks of w that end with the last token, so that the first block is
// the short one, and
//
//	W(i) = the block before that of i, and its own up to i, and the sinks
//
// which is between w+1 and 2w keys from the second block on. It returns the sums of
// [hedgehog.quotient], [H, B, T, D+1]. Layer.Chunk does not apply: blocks are the window.
//
// With short_overlap a sequence of w tokens or fewer, one block, has its keys in the
// linear branch as well (not the sinks), a_ij = γ·exp(s_ij − m_i) + δ·φq_i·φk_j: the
// released code shifts its mask by a block, and one block meets itself there. Models
// trained on short texts have learnt that.
//
// Source: the released code of LoLCATs, arXiv:2410.10254 ("tk").
func (h hedgehog) terrace(l Layer, t tokens) *Node {
	count, g := t.count(), t.q.Graph()
	ownKeys, ownValues := ops.Span(t.keys, 2, t.w, t.w+count), ops.Span(t.values, 2, t.w, t.w+count)
	if t.n > 0 {
		ownValues = h.afterSinks(t, ownValues, ScalarZero(g, dtypes.Int32))
	}
	if count <= t.w {
		var far *Node
		if l.Mixer.Bool("short_overlap") {
			far, _ = h.branch(l, t.q, ownKeys, ownValues, nil).Chunked(l.blocks(count, t.w).Size, false)
		}
		return h.blend(l, h.window(l.blocks(count, t.w), t, State{}), far)
	}

	// The first block is filled up in front.
	c := scan.CutInto(count, t.w)
	short := c.Count*t.w - count
	c.Tokens += short
	padded := t
	padded.keys, padded.values = lead(t.keys, short), lead(t.values, short)
	near := h.near(c, lead(t.q, short), padded, terraced(g, c, t.n, short))
	near = ops.Span(c.Join(near), 2, short, c.Tokens)
	if c.Count == 2 {
		return h.blend(l, near, nil)
	}

	// From the third block on, the state that a block reads is that before the block
	// before it: the state after as many blocks as came up to two before it.
	late, early := 2*t.w-short, count-2*t.w
	read := h.branch(l,
		ops.Span(t.q, 2, late, count),
		lead(ops.Span(ownKeys, 2, 0, early), short),
		lead(ops.Span(ownValues, 2, 0, early), short), nil)
	blocks := scan.CutInto(early+short, t.w)
	written := ops.AtB(blocks.Cut(read.K), blocks.Cut(read.V))
	starts, _ := scan.StatesAt(nil, written, nil)
	far := blocks.Join(ops.AB(blocks.Cut(read.Q), Add(starts, written)))
	return h.blend(l, near, lead(far, late))
}

// terraced is the bias [N, w, n+2w] of the terrace over the entries that reach gives
// each block of w: 0 for W(i), [scan.Masked] for others and for what fills up the
// first block, short tokens.
func terraced(g *Graph, c scan.Blocks, sinks, short int) *Node {
	w := c.Size
	dims := shapes.Make(dtypes.Int32, c.Count, w, sinks+2*w)
	entry, query := AddScalar(Iota(g, dims, 2), -sinks), Iota(g, dims, 1)
	begin := AddScalar(MulScalar(Iota(g, dims, 0), w), -w-short) // of the block before
	zero := ScalarZero(g, dtypes.Int32)
	inside := LogicalAnd(
		LogicalAnd(GreaterOrEqual(entry, zero), LessOrEqual(entry, AddScalar(query, w))),
		GreaterOrEqual(Add(entry, begin), zero))
	gone := LogicalAnd(LessThan(entry, zero), LessThan(AddScalar(entry, sinks), begin))
	return seeing(LogicalOr(inside, gone))
}

// afterSinks takes the sinks out of values [G, B, T, D+1], the first of which is of
// the token at a position.
func (hedgehog) afterSinks(t tokens, values, position *Node) *Node {
	at := Add(Iota(values.Graph(), shapes.Make(dtypes.Int32, 1, 1, values.Shape().Dim(2), 1), 2), position)
	keep := GreaterOrEqual(at, Scalar(values.Graph(), dtypes.Int32, t.n))
	return where(keep, values)
}

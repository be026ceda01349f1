package mixers

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// A window of w keys lets query i see the keys j with i−w < j <= i. With n sinks it
// also sees the first n tokens of the sequence. Queries go in blocks of C, and each
// block gets the keys that any of its queries can see: the sinks, the w keys before
// the block and its own. So the cost is O(T·(n+w+C)), not O(T²).
//
// A mixer with a window carries its keys and values as [·, ·, n+w, D]: in the first n
// places the sinks, token s in place s; then the newest w tokens, oldest first, the
// last in the last place. A sink that is still in the window is in both. What a
// sequence has not filled yet holds anything; State.Seen tells.
//
// The first two axes here are heads and batch, in either order.

// reach gives every block the sinks, the w entries before it and its own: sinks
// [H, B, n, D] (nil: none) and x [H, B, w+T, D] become [H, B, N, n+w+C, D].
func reach(c scan.Blocks, sinks, x *Node, w int) *Node {
	h, b, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(3)
	var parts []*Node
	if sinks != nil {
		parts = append(parts, BroadcastToDims(InsertAxes(sinks, 2), h, b, c.Count, sinks.Shape().Dim(2), d))
	}
	if c.Count == 1 { // one block, of one token in a step, reaches all that there is
		return Concatenate(append(parts, InsertAxes(x, 2)), 3)
	}
	whole := c.Count * c.Size
	last := (w + c.Size - 1) / c.Size * c.Size
	x = scan.Fill(x, last+whole)
	for at := 0; at <= last; at += c.Size {
		part := Reshape(ops.Span(x, 2, at, at+whole), h, b, c.Count, c.Size, d)
		parts = append(parts, ops.Span(part, 3, 0, min(c.Size, w+c.Size-at)))
	}
	return Concatenate(parts, 3)
}

// visible is a bias [N, C, n+w+C] over the entries that [reach] gives: 0 for the last
// w up to each query itself and for the sinks that are no longer among them, so that
// no key is seen twice; [scan.Masked] for others and for those before the start of
// the sequence. Position seen is that of the call's first token.
func visible(c scan.Blocks, sinks, w int, seen *Node) *Node {
	g := seen.Graph()
	count := func(axis int, dims ...int) *Node { return Iota(g, shapes.Make(dtypes.Int32, dims...), axis) }
	reached := w + c.Size
	// Entry j is w+i−j tokens older than query i of its block.
	query, entry := count(1, 1, c.Size, reached), count(2, 1, c.Size, reached)
	near := seeing(LogicalAnd(GreaterThan(entry, query), LessOrEqual(entry, AddScalar(query, w))))
	block := MulScalar(count(0, c.Count, 1, reached), c.Size)
	position := Add(Add(block, count(2, c.Count, 1, reached)), Sub(seen, Scalar(g, dtypes.Int32, w)))
	near = Add(near, seeing(GreaterOrEqual(position, ScalarZero(g, dtypes.Int32))))
	if sinks == 0 {
		return near
	}
	dims := []int{c.Count, c.Size, sinks}
	at := Add(Add(MulScalar(count(0, dims...), c.Size), count(1, dims...)), seen) // of the query
	gone := LessOrEqual(count(2, dims...), Sub(at, Scalar(g, dtypes.Int32, w)))
	return Concatenate([]*Node{seeing(gone), near}, 2)
}

// opening is the first n tokens of a sequence, [H, B, n, D]: those of past, the same
// from before this call (nil at the start), and those among the fresh ones
// [H, B, T, D]. Places of tokens still to come are zero.
func opening(past, fresh *Node, n int, seen *Node) *Node {
	t := min(n, fresh.Shape().Dim(2))
	fresh = ops.Span(fresh, 2, 0, t)
	if past == nil {
		return scan.Fill(fresh, n)
	}
	had := LessThan(Iota(past.Graph(), shapes.Make(dtypes.Int32, 1, 1, n, 1), 2), seen)
	return Add(where(had, past), taking(placed(n, t, seen), fresh))
}

// remembered joins the carried keys or values, [H, B, n+w, ·] or nil, with those of the
// call, [H, B, T, ·]: the newest w and the call's own [H, B, w+T, ·], and the sinks
// [H, B, n, ·], nil without.
func remembered(carried, fresh *Node, n, w int, seen *Node) (all, first *Node) {
	var past *Node
	if carried == nil {
		all = lead(fresh, w)
	} else {
		past = ops.Span(carried, 2, 0, n)
		all = Concatenate([]*Node{filled(ops.Span(carried, 2, n, n+w), seen), fresh}, 2)
	}
	if n > 0 {
		first = opening(past, fresh, n, seen)
	}
	return all, first
}

// windowState is what the next call remembers of what [remembered] gave for T tokens.
func windowState(all, first *Node, tokens int) *Node {
	newest := ops.Span(all, 2, tokens, all.Shape().Dim(2))
	if first == nil {
		return newest
	}
	return Concatenate([]*Node{first, newest}, 2)
}

// placed is [S, T], 1 where place s takes fresh token t: the place of its position.
func placed(s, t int, seen *Node) *Node {
	index := shapes.Make(dtypes.Int32, s, t)
	position := Add(Iota(seen.Graph(), index, 1), seen)
	return ConvertDType(Equal(Iota(seen.Graph(), index, 0), position), dtypes.Float32)
}

// taking puts fresh tokens [H, B, T, D] into their places, [H, B, S, D], zeros elsewhere.
func taking(places, fresh *Node) *Node {
	moved := DotGeneral(fresh, []int{2}, nil, places, []int{1}, nil) // [H, B, D, S]
	return TransposeAllAxes(moved, 0, 1, 3, 2)
}

// filled is a carried window [H, B, w, D] with zeros in the places before the start.
func filled(past, seen *Node) *Node {
	w := past.Shape().Dim(2)
	place := Add(Iota(past.Graph(), shapes.Make(dtypes.Int32, 1, 1, w, 1), 2), seen)
	return where(GreaterOrEqual(place, Scalar(past.Graph(), dtypes.Int32, w)), past)
}

// where keeps x where the condition, to be broadcast, holds and is zero elsewhere.
func where(condition, x *Node) *Node {
	dims := x.Shape().Dimensions
	return Where(BroadcastToDims(condition, dims...), x, ZerosLike(x))
}

// lead puts n zeros before the first entry of the time axis, the third.
func lead(x *Node, n int) *Node {
	if n == 0 {
		return x
	}
	dims := x.Shape().Clone().Dimensions
	dims[2] = n
	return Concatenate([]*Node{Zeros(x.Graph(), ops.F32(dims...)), x}, 2)
}

package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// radix is how many blocks are summed by one matrix product. More of them cost more
// products per block, fewer more passes over the states.
const radix = 16

// StatesAt runs the recurrence between blocks: groups of radix blocks by matrix
// products with the decays between them, the sums of whole groups by the same again.
// The graph grows with the logarithm of the number of blocks, the work with the number.
//
//	first    [H, B, K, V]             state before the first block; nil: zeros
//	written  [H, B, N, K, V]          what each block adds, decayed to the block's end
//	logDecay [H, B, N], [H, B, N, K]  log of each block's whole decay; nil: none decays
//	starts   [H, B, N, K, V]          state before each block
//	after    [H, B, K, V]             state after the last
//
// Cost: radix·N·K·V products per head.
func StatesAt(first, written, logDecay *Node) (starts, after *Node) {
	dims := written.Shape().Dimensions
	h, b, n, k, v := dims[0], dims[1], dims[2], dims[3], dims[4]
	if logDecay == nil || logDecay.Rank() == 3 {
		if logDecay != nil {
			logDecay = Reshape(logDecay, h*b, n, 1)
		}
		starts, after = statesAt(reshaped(first, h*b, 1, k*v), Reshape(written, h*b, n, k*v), logDecay)
		return Reshape(starts, h, b, n, k, v), Reshape(after, h, b, k, v)
	}
	// Rows that decay by themselves are recurrences by themselves.
	starts, after = statesAt(
		reshaped(first, h*b*k, 1, v),
		Reshape(Transpose(written, 2, 3), h*b*k, n, v),
		Reshape(Transpose(logDecay, 2, 3), h*b*k, n, 1))
	return Transpose(Reshape(starts, h, b, k, n, v), 2, 3), Reshape(after, h, b, k, v)
}

// reshaped is Reshape of what may be nil.
func reshaped(x *Node, dims ...int) *Node {
	if x == nil {
		return nil
	}
	return Reshape(x, dims...)
}

// statesAt is StatesAt for [R, 1, F], [R, N, F] and [R, N, 1], giving [R, N, F] and [R, 1, F].
func statesAt(first, written, log *Node) (starts, after *Node) {
	r, n, f := written.Shape().Dim(0), written.Shape().Dim(1), written.Shape().Dim(2)
	size := min(radix, n)
	groups := (n + size - 1) / size
	cut := func(x *Node) *Node {
		return Reshape(fillRows(x, groups*size), r, groups, size, x.Shape().Dim(2))
	}
	written = cut(written)
	var weights *Node // [R, G, size, size]: how much of each write is left before each block
	d := newDecay(nil)
	if log == nil {
		weights = BroadcastToDims(ExpandLeftToRank(reached(before, written.Graph(), size, 1, 0), 4), r, groups, size, size)
	} else {
		d = newDecay(cut(log))
		weights = d.between(before)
	}

	// What the whole groups write, and from it the states before them and after the last.
	ones := Ones(written.Graph(), ops.F32(r, groups, size, 1))
	after = Reshape(ops.AtB(d.write(ones), written), r, groups, f)
	begin := first // [R, G, F]
	if groups > 1 {
		begin, after = statesAt(first, after, d.whole())
	} else if first != nil {
		kept := first
		if log != nil {
			kept = Mul(first, Exp(d.whole()))
		}
		after = Add(kept, after)
	}
	inside := ops.AB(weights, written)
	if begin != nil {
		// A product, since the engine go broadcasts number by number.
		inside = Add(inside, ops.AB(d.read(ones, before), Reshape(begin, r, groups, 1, f)))
	}
	return ops.Span(Reshape(inside, r, groups*size, f), 1, 0, n), after
}

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
//	first    [H, B, K, V]             state before the first block
//	written  [H, B, N, K, V]          what each block adds, decayed to the block's end
//	logDecay [H, B, N], [H, B, N, K]  log of each block's whole decay; nil: none decays
//	out      [H, B, N+1, K, V]        state before each block, and after the last
//
// Cost: radix·N·K·V products per head.
func StatesAt(first, written, logDecay *Node) *Node {
	dims := written.Shape().Dimensions
	h, b, n, k, v := dims[0], dims[1], dims[2], dims[3], dims[4]
	if logDecay == nil || logDecay.Rank() == 3 {
		if logDecay != nil {
			logDecay = Reshape(logDecay, h*b, n, 1)
		}
		states := statesAt(Reshape(first, h*b, 1, k*v), Reshape(written, h*b, n, k*v), logDecay)
		return Reshape(states, h, b, n+1, k, v)
	}
	// Rows that decay by themselves are recurrences by themselves.
	states := statesAt(
		Reshape(first, h*b*k, 1, v),
		Reshape(Transpose(written, 2, 3), h*b*k, n, v),
		Reshape(Transpose(logDecay, 2, 3), h*b*k, n, 1))
	return Transpose(Reshape(states, h, b, k, n+1, v), 2, 3)
}

// statesAt is StatesAt for [R, 1, F], [R, N, F] and [R, N, 1].
func statesAt(first, written, log *Node) *Node {
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
		weights = BroadcastToDims(ExpandLeftToRank(reached(before, first.Graph(), size, 1, 0), 4), r, groups, size, size)
	} else {
		d = newDecay(cut(log))
		weights = d.between(before)
	}

	// What the whole groups write, and from it the states before and after them.
	ones := Ones(first.Graph(), ops.F32(r, groups, size, 1))
	whole := ops.AtB(d.write(ones), written) // [R, G, 1, F]
	var starts *Node                         // [R, G+1, F]
	if groups == 1 {
		kept := first
		if log != nil {
			kept = Mul(first, Exp(d.whole()))
		}
		starts = Concatenate([]*Node{first, Add(kept, Reshape(whole, r, 1, f))}, 1)
	} else {
		starts = statesAt(first, Reshape(whole, r, groups, f), d.whole())
	}
	begin, last := split(starts, 1, groups)
	begin = Reshape(begin, r, groups, 1, f)
	inside := Add(d.read(begin, before), ops.AB(weights, written))
	inside = ops.Span(Reshape(inside, r, groups*size, f), 1, 0, n)
	return Concatenate([]*Node{inside, last}, 1)
}

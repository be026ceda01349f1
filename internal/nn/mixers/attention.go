package mixers

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// attention is softmax attention of queries over keys that are at hand:
//
//	s = c·tanh(scale·q·kᵀ / c) + bias
//	p = exp(s) / (Σ exp(s) + exp(sink))
//	y = p·v
//
// Queries that share keys, r heads of a group, stand in an axis of their own before
// T, so that one product with the keys serves them all and keys are not repeated.
// The axes before, L..., are batch axes.
//
//	q     [L..., r, T, D]
//	k     [L..., S, D]
//	v     [L..., S, V]
//	bias  to be broadcast to [L..., r, T, S]
//	y     [L..., r, T, V]
type attention struct {
	scale   float64
	softcap float64 // c; 0: s is not bent
	sink    *Node   // a logit per head, [H], that takes weight and has no value; nil: none
}

// The sink has to be broadcast to [L..., r, T, 1] here; causal and banded see to it.
func (a attention) over(q, k, v, bias *Node) *Node {
	p := a.weights(Add(a.scores(q, k), bias))
	dims := slices.Clone(q.Shape().Dimensions)
	dims[len(dims)-1] = v.Shape().Dim(-1)
	return Reshape(ops.AB(inOneAxis(p), v), dims...)
}

// scores is s without the bias, [L..., r, T, S].
func (a attention) scores(q, k *Node) *Node {
	s := ops.ABt(inOneAxis(MulScalar(q, a.scale)), k)
	dims := slices.Clone(q.Shape().Dimensions)
	dims[len(dims)-1] = k.Shape().Dim(-2)
	return capped(Reshape(s, dims...), a.softcap)
}

// capped bends scores s to c·tanh(s/c); with c = 0 they stay.
func capped(s *Node, c float64) *Node {
	if c == 0 {
		return s
	}
	return MulScalar(Tanh(DivScalar(s, c)), c)
}

// weights is p of s, [L..., r, T, S].
func (a attention) weights(s *Node) *Node {
	if a.sink == nil {
		return ops.SoftmaxRows(s)
	}
	dims := slices.Clone(s.Shape().Dimensions)
	axis := len(dims) - 1
	dims[axis] = 1
	p := ops.SoftmaxRows(Concatenate([]*Node{s, BroadcastToDims(a.sink, dims...)}, axis))
	return ops.Span(p, axis, 0, s.Shape().Dim(axis))
}

// inOneAxis turns [L..., r, T, X] into [L..., r·T, X].
func inOneAxis(x *Node) *Node {
	dims := x.Shape().Dimensions
	n := len(dims)
	return Reshape(x, append(slices.Clone(dims[:n-3]), dims[n-3]*dims[n-2], dims[n-1])...)
}

// causal lets query i see the keys in places 0 to before+i; before is an int32
// scalar, and nil means that queries and keys are the same tokens. Queries go in
// blocks, so that the scores of one block are there at a time, and of the scores of keys
// that no query of a block sees there are few.
//
//	q     [B, H, T, D]
//	k, v  [B, G, S, D]
//	y     [B, H, T, D]
func (a attention) causal(q, k, v, before *Node, block int) *Node {
	b, h, t, d := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	g, s := k.Shape().Dim(1), k.Shape().Dim(2)
	c := scan.CutInto(t, block)
	blocks := ops.Parts(Reshape(q, b, g, h/g, t, d), 3, c.Sizes()...)
	a = a.sinkAs(1, g, h/g, 1, 1)
	var parts []*Node
	for i, q := range blocks {
		at, keys := i*c.Size, s
		to := at + q.Shape().Dim(3)
		if before == nil {
			// Few sizes rather than the least: engines keep freed memory for arrays of the
			// same size.
			for keys = c.Size; keys < to; keys *= 2 {
			}
			keys = min(keys, s)
		}
		index := shapes.Make(dtypes.Int32, to-at, keys)
		last := Iota(q.Graph(), index, 0)
		if at > 0 {
			last = AddScalar(last, at)
		}
		if before != nil {
			last = Add(last, before)
		}
		bias := seeing(LessOrEqual(Iota(q.Graph(), index, 1), last))
		parts = append(parts, a.over(q, ops.First(k, 2, keys), ops.First(v, 2, keys), ExpandLeftToRank(bias, 5)))
	}
	y := parts[0]
	if len(parts) > 1 {
		y = Concatenate(parts, 3)
	}
	return Reshape(y, b, h, t, d)
}

// banded lets each query see what [visible] says of the keys that [reach] gives.
//
//	q             [B, H, T, D]
//	sinks         [B, G, n, D]    of keys and of values; nil: none
//	keys, values  [B, G, w+T, D]
//	y             [B, H, T, D]
func (a attention) banded(c scan.Blocks, q *Node, sinks [2]*Node, keys, values, seen *Node) *Node {
	b, h, d := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(3)
	g, n, w := keys.Shape().Dim(1), 0, keys.Shape().Dim(2)-c.Tokens
	if sinks[0] != nil {
		n = sinks[0].Shape().Dim(2)
	}
	q = Reshape(c.Cut(q), b, g, h/g, c.Count, c.Size, d)
	a = a.sinkAs(1, g, 1, h/g, 1, 1)
	bias := InsertAxes(visible(c, n, w, seen), 1)
	y := a.over(TransposeAllAxes(q, 0, 1, 3, 2, 4, 5), reach(c, sinks[0], keys, w), reach(c, sinks[1], values, w), ExpandLeftToRank(bias, 6))
	return c.Join(Reshape(TransposeAllAxes(y, 0, 1, 3, 2, 4, 5), b, h, c.Count, c.Size, d))
}

// sinkAs gives the sink the axes of the scores.
func (a attention) sinkAs(dims ...int) attention {
	if a.sink != nil {
		a.sink = Reshape(a.sink, dims...)
	}
	return a
}

// seeing is a bias that is 0 where a key is seen, and [scan.Masked] elsewhere.
func seeing(see *Node) *Node {
	g := see.Graph()
	return Where(see, Scalar(g, dtypes.Float32, 0), Scalar(g, dtypes.Float32, scan.Masked))
}

package mixers

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// softmax is the teacher's own causal attention with grouped heads and rotary
// positions:
//
//	y_i = Σ_{j≤i} softmax_j(q_i·k_j/√D) v_j
//
// Cost O(T²) time and O(T²) memory in the chunked form, which here is the plain
// quadratic one; its state is the cache of keys (after rotation) and values.
//
// Source: Vaswani et al. 2017, arXiv:1706.03762.
type softmax struct{}

var _ Mixer = softmax{}

func (softmax) Chunked(l Layer, x *Node, from State) (*Node, State) {
	m := l.Model
	q, k, v := l.Heads(x)
	q, k = l.Rotation.Apply(q), l.Rotation.Apply(k)
	if !from.Start() {
		return cached(l, q, k, v, from)
	}
	t := x.Shape().Dim(1)
	y := attend(q, k, v, scan.Lower(x.Graph(), t, 0, scan.Masked), m.Heads/m.KVHeads)
	next := State{}
	if l.KeepState {
		if t > l.Capacity {
			exceptions.Panicf("softmax: the state holds %d tokens, got %d", l.Capacity, t)
		}
		next.Tensors = []*Node{scan.Fill(k, l.Capacity), scan.Fill(v, l.Capacity)}
	}
	return ops.MergeHeads(y), next
}

func (softmax) Step(l Layer, x *Node, from State) (*Node, State) {
	q, k, v := l.Heads(x)
	return cached(l, l.Rotation.Apply(q), l.Rotation.Apply(k), v, from)
}

// cached appends T new keys and values to the state and lets the queries see
// everything up to themselves. The place is found by comparing positions, since
// not every engine can update a slice at a position known only at run time.
func cached(l Layer, q, k, v *Node, from State) (*Node, State) {
	m, g := l.Model, q.Graph()
	t, capacity := q.Shape().Dim(2), from.Tensors[0].Shape().Dim(2)
	seen := ConvertDType(from.seen(g), dtypes.Float32)
	slot := Iota(g, ops.F32(capacity, t), 0)           // [S, T] cache slot
	row := Add(Iota(g, ops.F32(capacity, t), 1), seen) // [S, T] position of each new token

	// place is [S, T], 1 where slot s takes new token t.
	place := ConvertDType(Equal(slot, row), dtypes.Float32)
	taken := Reshape(ReduceSum(place, 1), 1, 1, capacity, 1)
	update := func(cache, fresh *Node) *Node {
		moved := DotGeneral(fresh, []int{2}, nil, place, []int{1}, nil) // [B, G, D, S]
		return Add(Mul(cache, OneMinus(taken)), TransposeAllAxes(moved, 0, 1, 3, 2))
	}
	keys, values := update(from.Tensors[0], k), update(from.Tensors[1], v)

	visible := TransposeAllAxes(LessOrEqual(slot, row), 1, 0) // [T, S]
	bias := Where(visible, Scalar(g, dtypes.Float32, 0), Scalar(g, dtypes.Float32, scan.Masked))
	y := attend(q, keys, values, bias, m.Heads/m.KVHeads)
	return ops.MergeHeads(y), State{Tensors: []*Node{keys, values}}
}

// attend is softmax attention under an additive bias. Query heads of a group
// share one product with their key head, so keys and values are not repeated.
//
//	q     [B, G·r, T, D]
//	k, v  [B, G, S, D]
//	bias  [T, S]
//	out   [B, G·r, T, D]
func attend(q, k, v, bias *Node, r int) *Node {
	b, h, t, d := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	s := k.Shape().Dim(2)
	q = MulScalar(q, 1/math.Sqrt(float64(d)))
	q = Reshape(q, b, h/r, r*t, d)
	scores := ops.ABt(q, k) // [B, G, r·T, S]
	scores = Add(Reshape(scores, b, h, t, s), ExpandLeftToRank(bias, 4))
	p := Reshape(ops.SoftmaxRows(scores), b, h/r, r*t, s)
	return Reshape(ops.AB(p, v), b, h, t, d)
}

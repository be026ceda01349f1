package mixers

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// Attending is a [Mixer] whose output is a mean of the values: y_i = Σ_j a_ij v_j with
// positive weights whose sum is 1. Others give keys signs, or forget by rates that are
// no weights.
type Attending interface {
	// LogWeights is log a_ij of a whole sequence x [B, T, E] for each query head,
	// [H, B, T, T], and at most [scan.Masked]/2 where query i does not see key j. It
	// takes O(T²) memory.
	LogWeights(l Layer, x *Node) *Node
}

var (
	_ Attending = softmax{}
	_ Attending = hedgehog{}
)

// Attends reports whether the mixer of a name is [Attending].
func Attends(name string) bool {
	_, ok := mixers[name].(Attending)
	return ok
}

// LogWeights is that of the teacher's attention; a sink's share has no key, so that
// with one the weights sum to less.
func (s softmax) LogWeights(l Layer, x *Node) *Node {
	q, k, _ := s.inputs(l, x)
	b, h, t, d, g := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3), k.Shape().Dim(1)
	a := s.attention(l, x.Graph()).sinkAs(1, g, h/g, 1, 1)
	see := upTo(x.Graph(), t)
	if w := l.Mixer.Int("window"); w > 0 {
		see = LogicalAnd(see, inWindow(x.Graph(), t, w, l.Mixer.Int("sinks")))
	}
	scores := Add(a.scores(Reshape(q, b, g, h/g, t, d), k), ExpandLeftToRank(seeing(see), 5))
	all := scores
	if a.sink != nil {
		all = Concatenate([]*Node{scores, BroadcastToDims(a.sink, b, g, h/g, t, 1)}, -1)
	}
	log := Sub(scores, logSum(all))
	return scan.Swap(Reshape(log, b, h, t, t))
}

// LogWeights is that of the mixer as it is trained: with terrace its sets, and then of
// sequences longer than the window.
func (h hedgehog) LogWeights(l Layer, x *Node) *Node {
	t, g := h.inputs(l, x, State{}), x.Graph()
	n := t.count()
	own := ops.Span(t.keys, 2, t.w, t.w+n)
	far := Log(ops.ABt(h.features(l, "q", t.q), h.features(l, "k", own)))
	hidden := ExpandLeftToRank(seeing(upTo(g, n)), 4)
	if t.w == 0 {
		// The floor of the denominator is one more weight, without a value.
		rest := BroadcastToDims(Log(Scalar(g, dtypes.Float32, floor)), far.Shape().Dim(0), far.Shape().Dim(1), n, 1)
		far = Add(far, hidden)
		return Sub(far, logSum(Concatenate([]*Node{far, rest}, -1)))
	}
	set := inWindow(g, n, t.w, t.n)
	if l.Training && l.Mixer.Bool("terrace") {
		set = stepped(g, n, t.w, t.n)
	}
	set = LogicalAnd(set, upTo(g, n))
	scores := Add(t.scores(t.q, l.perQuery(own)), ExpandLeftToRank(seeing(set), 4))
	scores = Sub(scores, ReduceAndKeep(scores, ReduceMax, -1))
	gamma := Sigmoid(l.Tensor(g, "mixer.window_factors"))
	scores = Add(scores, scan.PerHead(Log(gamma), 4))
	if l.Mixer.Bool("affine") {
		far = Add(far, scan.PerHead(Log(OneMinus(gamma)), 4))
	}
	set = BroadcastToDims(ExpandLeftToRank(set, 4), far.Shape().Dimensions...)
	log := Add(Where(set, scores, far), hidden)
	return Sub(log, logSum(log))
}

// upTo says which keys a query of a whole sequence may see, [T, T].
func upTo(g *Graph, t int) *Node {
	index := shapes.Make(dtypes.Int32, t, t)
	return LessOrEqual(Iota(g, index, 1), Iota(g, index, 0))
}

// inWindow says which keys are in the window (i−w, i] or among the first n; of keys up to i.
func inWindow(g *Graph, t, w, n int) *Node {
	index := shapes.Make(dtypes.Int32, t, t)
	key := Iota(g, index, 1)
	return LogicalOr(
		GreaterThan(AddScalar(key, w), Iota(g, index, 0)),
		LessThan(key, Scalar(g, dtypes.Int32, n)))
}

// stepped says which keys are in the query's block or the one before, or among the
// first n; of keys up to i. Blocks of w end with the last token.
func stepped(g *Graph, t, w, n int) *Node {
	index := shapes.Make(dtypes.Int32, t, t)
	short := (w - t%w) % w
	block := func(axis int) *Node { return DivScalar(AddScalar(Iota(g, index, axis), short), w) }
	return LogicalOr(
		GreaterOrEqual(AddScalar(block(1), 1), block(0)),
		LessThan(Iota(g, index, 1), Scalar(g, dtypes.Int32, n)))
}

// logSum is log Σ exp over the last axis, which stays with one element.
func logSum(x *Node) *Node {
	most := StopGradient(ReduceAndKeep(x, ReduceMax, -1))
	return Add(most, Log(ReduceAndKeep(Exp(Sub(x, most)), ReduceSum, -1)))
}

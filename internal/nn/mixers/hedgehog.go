package mixers

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// hedgehog is the linear attention of LoLCATs. A learnt map per query head turns
// a rotated query or key u into positive features,
//
//	φ(u) = max([softmax(u·W), softmax(−u·W)], 1e-12)
//
// and without a window the mixer is
//
//	y_i = Σ_{j≤i} (φq_i·φk_j) v_j / (Σ_{j≤i} φq_i·φk_j + 1e-12)
//
// With window=w, the keys j in (i−w, i] are seen by softmax instead, under the
// same denominator:
//
//	a_ij = γ·exp(s_ij − m_i)    j > i−w,    s_ij = q_i·k_j/√D, m_i = max over the window
//	a_ij = δ·φq_i·φk_j          j <= i−w
//	y_i  = Σ_j a_ij v_j / Σ_j a_ij
//
// with γ = sigmoid(window_factors) per head and δ = 1, or 1−γ with affine. The
// maximum is part of the definition: it sets the weight of one branch against
// the other, and gradients flow through it.
//
// State: memory [B, H, 2F, D] and normaliser [B, H, 2F] of the keys that have
// left the window; with a window also the last w keys (rotated) and values
// [B, G, w, D], oldest first. Before w tokens have been seen the first places
// are not valid, whatever they hold; State.Seen tells.
//
// Cost: O(T·(C+F)·D) per head with blocks of C tokens, O(T·(C+w)·D) for the window,
// and O((T/C)²·F·D) between blocks (see scan.StatesAt). A step: O((F+w)·D).
//
// Source: Zhang et al. 2024, arXiv:2410.10254.
type hedgehog struct{}

var _ Mixer = hedgehog{}

// floor is the least value of a feature, and what keeps the denominator of the
// linear form from zero.
const floor = 1e-12

func (h hedgehog) Chunked(l Layer, x *Node, from State) (*Node, State) {
	t, w := x.Shape().Dim(1), l.Mixer.Int("window")
	c := l.blocks(t, w)
	q, keys, values := h.inputs(l, x, from)
	r := l.Model.Heads / l.Model.KVHeads
	allKeys, allValues := scan.PerQuery(keys, r), scan.PerQuery(values, r)

	// A key reaches the linear branch w tokens after it came, so to that branch
	// the window is nothing but a delay.
	var far, after *Node
	if !from.Start() || t > w || l.KeepState {
		far, after = h.linear(c, h.features(l, "q", q), h.features(l, "k", ops.Span(allKeys, 2, 0, t)),
			ops.Span(allValues, 2, 0, t), h.memory(from), l.KeepState)
	}
	sums := far
	if w > 0 {
		sums = h.blend(l, h.window(c, q, allKeys, allValues, from), far)
	}
	// Joined first: the tokens that fill up the last block have no weights to divide by.
	return l.outputs(x, h.quotient(l, c.Join(sums))), h.state(l, after, keys, values)
}

func (h hedgehog) Step(l Layer, x *Node, from State) (*Node, State) {
	l.KeepState = true
	q, keys, values := h.inputs(l, x, from)
	r := l.Model.Heads / l.Model.KVHeads
	allKeys, allValues := scan.PerQuery(keys, r), scan.PerQuery(values, r)

	// The oldest key leaves the window; without one the new key is the oldest.
	oldest := h.features(l, "k", ops.Span(allKeys, 2, 0, 1))
	after := Add(h.memory(from), ops.AtB(oldest, ops.Span(allValues, 2, 0, 1)))
	sums := ops.AB(h.features(l, "q", q), after)
	if l.Mixer.Int("window") > 0 {
		one := scan.CutInto(1, 1)
		sums = h.blend(l, one.Join(h.window(one, q, allKeys, allValues, from)), sums)
	}
	return l.outputs(x, h.quotient(l, sums)), h.state(l, after, keys, values)
}

// inputs returns rotated queries [H, B, T, D] and, with those carried in front,
// rotated keys [G, B, w+T, D] and values [G, B, w+T, D+1]. The last column of the
// values is 1, and 0 where there was no token.
func (hedgehog) inputs(l Layer, x *Node, from State) (q, keys, values *Node) {
	m := l.Model
	w := l.Mixer.Int("window")
	var past *Node
	if n := len(from.Tensors); n > 0 && l.Mixer.Int("conv") > 1 {
		past = from.Tensors[n-1]
	}
	f := l.inputs(x, past)
	q, keys, values = f.q, f.k, scan.AppendOne(f.v)
	if w == 0 {
		return q, keys, values
	}
	g, b := x.Graph(), x.Shape().Dim(0)
	pastKeys := Zeros(g, ops.F32(m.KVHeads, b, w, m.HeadDim))
	pastValues := Zeros(g, ops.F32(m.KVHeads, b, w, m.HeadDim+1))
	if !from.Start() {
		place := Iota(g, shapes.Make(dtypes.Int32, 1, 1, w, 1), 2)
		valid := GreaterOrEqual(Add(place, from.seen(g)), Scalar(g, dtypes.Int32, w))
		pastKeys = Where(valid, scan.Swap(from.Tensors[2]), pastKeys)
		pastValues = Where(valid, scan.AppendOne(scan.Swap(from.Tensors[3])), pastValues)
	}
	return q, Concatenate([]*Node{pastKeys, keys}, 2), Concatenate([]*Node{pastValues, values}, 2)
}

// features applies a feature map ("q" or "k") to u [H, B, T, D], giving [H, B, T, 2F].
func (hedgehog) features(l Layer, which string, u *Node) *Node {
	h, b, t, d := u.Shape().Dim(0), u.Shape().Dim(1), u.Shape().Dim(2), u.Shape().Dim(3)
	z := ops.AB(Reshape(u, h, b*t, d), l.Tensor(u.Graph(), "mixer.feature_map_"+which+".weight"))
	phi := Concatenate([]*Node{ops.SoftmaxRows(z), ops.SoftmaxRows(Neg(z))}, -1)
	return Reshape(MaxScalar(phi, floor), h, b, t, -1)
}

// linear is causal linear attention without its quotient.
//
//	fq, fk  [H, B, T, Φ]       features
//	v       [H, B, T, V]
//	first   [H, B, Φ, V]       state before the first token; nil: zeros
//	sums    [H, B, N, C, V]    Σ_{j≤i} (fq_i·fk_j) v_j
//	after   [H, B, Φ, V]       state after the last token, if keep
func (hedgehog) linear(c scan.Blocks, fq, fk, v, first *Node, keep bool) (sums, after *Node) {
	fq, fk, v = c.Cut(fq), c.Cut(fk), c.Cut(v)
	causal := ExpandLeftToRank(scan.Lower(fq.Graph(), c.Size, 1, 0), 5)
	sums = ops.AB(Mul(ops.ABt(fq, fk), causal), v)
	if first == nil && c.Count == 1 && !keep {
		return sums, nil
	}
	written := ops.AtB(fk, v)
	if first == nil {
		d := written.Shape().Dimensions
		first = Zeros(fq.Graph(), ops.F32(d[0], d[1], d[3], d[4]))
	}
	all := scan.StatesAt(first, written, nil)
	sums = Add(sums, ops.AB(fq, ops.Span(all, 2, 0, c.Count)))
	if keep {
		after = Squeeze(ops.Span(all, 2, c.Count, c.Count+1), 2)
	}
	return sums, after
}

// window is the softmax branch without its quotient and without γ: for each query
// Σ exp(s_ij − m_i) v_j over the last w keys, [H, B, N, C, D+1]. A block of C
// queries meets w+C keys, those of its own tokens and the w before them.
func (hedgehog) window(c scan.Blocks, q, keys, values *Node, from State) *Node {
	w := keys.Shape().Dim(2) - c.Tokens
	q = MulScalar(q, 1/math.Sqrt(float64(q.Shape().Dim(3))))
	scores := ops.ABt(c.Cut(q), reach(c, nil, keys, w))
	bias := ExpandLeftToRank(visible(c, 0, w, from.seen(q.Graph())), 5)
	return ops.AB(ops.ExpBelowMax(Add(scores, bias)), reach(c, nil, values, w))
}

// blend adds the branches under one denominator: γ·near + δ·far, each [H, ...].
// Without a far branch γ cancels in the quotient.
func (hedgehog) blend(l Layer, near, far *Node) *Node {
	if far == nil {
		return near
	}
	gamma := Sigmoid(l.Tensor(near.Graph(), "mixer.window_factors"))
	if l.Mixer.Bool("affine") {
		far = Mul(far, scan.PerHead(OneMinus(gamma), far.Rank()))
	}
	return Add(Mul(near, scan.PerHead(gamma, near.Rank())), far)
}

// quotient divides the weighted sums of the values by the sum of the weights,
// which stands behind them: [..., D+1] becomes [..., D].
func (hedgehog) quotient(l Layer, sums *Node) *Node {
	axis, d := sums.Rank()-1, l.Model.HeadDim
	total := ops.Span(sums, axis, d, d+1)
	if l.Mixer.Int("window") == 0 {
		total = AddScalar(total, floor)
	}
	return Div(ops.Span(sums, axis, 0, d), total)
}

// memory returns the carried state as [H, B, 2F, D+1], the normaliser being the
// last column; nil at the start.
func (hedgehog) memory(from State) *Node {
	if from.Start() {
		return nil
	}
	return scan.Swap(Concatenate([]*Node{from.Tensors[0], InsertAxes(from.Tensors[1], -1)}, -1))
}

// state packs what the next call needs, the inverse of memory and inputs.
func (hedgehog) state(l Layer, after, keys, values *Node) State {
	if !l.KeepState {
		return State{}
	}
	d, w := l.Model.HeadDim, l.Mixer.Int("window")
	after = scan.Swap(after)
	next := []*Node{ops.Span(after, 3, 0, d), Squeeze(ops.Span(after, 3, d, d+1), 3)}
	if w > 0 {
		n := keys.Shape().Dim(2)
		next = append(next, scan.Swap(ops.Span(keys, 2, n-w, n)), scan.Swap(ops.Span(ops.Span(values, 2, n-w, n), 3, 0, d)))
	}
	return State{Tensors: next}
}

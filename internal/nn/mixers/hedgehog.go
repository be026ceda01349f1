package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// hedgehog is the linear attention of LoLCATs. A learnt map φ per query head turns a
// query or key, as the frame leaves it, into positive features (see features), and
// without a window the mixer is
//
//	y_i = Σ_{j≤i} (φq_i·φk_j) v_j / (Σ_{j≤i} φq_i·φk_j + 1e-12)
//
// With window=w some keys, the set W(i), are seen by softmax instead, under the same
// denominator:
//
//	a_ij = γ·exp(s_ij − m_i)    j in W(i),    s_ij = c·q_i·k_j, m_i = max over W(i)
//	a_ij = δ·φq_i·φk_j          all other j <= i
//	y_i  = Σ_j a_ij v_j / Σ_j a_ij
//
// with c the teacher's scale, 1/√D for most, γ = sigmoid(window_factors) per head and
// δ = 1, or 1−γ with affine; s_ij is bent by the teacher's cap, where it has one. The
// maximum is part of the definition: it sets the weight of one branch against
// the other, and gradients flow through it. The set is
//
//	W(i) = (i−w, i], and with sinks=n the first n tokens of the sequence
//
// and with terrace, in training, that of the terrace method. What it trains is run
// with the plain window, also to measure its loss, and the two do not agree, as with
// the released models.
//
// State: memory [B, H, Φ, D] and normaliser [B, H, Φ] of the keys that have left the
// window, Φ being the number of features; with a window also keys (rotated) and
// values [B, G, n+w, D], as window.go has it; with a convolution its inputs.
//
// Cost: O(T·(C+Φ)·D) per head with blocks of C tokens, and O(T·(C+w+n)·D) for the
// window. A step: O((Φ+w+n)·D).
//
// Source: Zhang et al. 2024, arXiv:2410.10254. The sinks are StreamingLLM's, Xiao et al.
// 2023, arXiv:2309.17453, beside this window as in Lizard, arXiv:2507.09025.
type hedgehog struct{}

var _ Mixer = hedgehog{}

func (h hedgehog) Chunked(l Layer, x *Node, from State) (*Node, State) {
	t := h.inputs(l, x, from)
	if l.Training && l.Mixer.Bool("terrace") {
		return l.outputs(x, h.quotient(l, h.terrace(l, t))), State{}
	}
	far, after := (*Node)(nil), (*Node)(nil)
	if !from.Start() || l.KeepState || t.count() > t.w+t.n {
		far, after = h.linear(l, t, from).Chunked(l.blocks(t.count(), t.w).Size, l.KeepState)
	}
	sums := far
	if t.w > 0 {
		sums = h.blend(l, h.window(l.blocks(t.count(), t.w), t, from), far)
	}
	return l.outputs(x, h.quotient(l, sums)), h.state(l, after, t)
}

func (h hedgehog) Step(l Layer, x *Node, from State) (*Node, State) {
	l.KeepState = true
	t := h.inputs(l, x, from)
	sums, after := h.linear(l, t, from).Step()
	if t.w > 0 {
		sums = h.blend(l, h.window(scan.CutInto(1, 1), t, from), sums)
	}
	return l.outputs(x, h.quotient(l, sums)), h.state(l, after, t)
}

// tokens are the inputs of a call and what its window still holds of those before.
type tokens struct {
	w, n int // window and sinks

	scale, softcap float64 // of the scores in the window

	q            *Node   // [H, B, T, D]
	keys, values *Node   // [G, B, w+T, D], [G, B, w+T, D+1]; see inputs
	firstKeys    *Node   // [G, B, n, D], nil without sinks
	firstValues  *Node   // [G, B, n, D+1]
	conv         []*Node // state of the convolution, if it has one
}

func (t tokens) count() int { return t.q.Shape().Dim(2) }

// inputs returns the queries, keys and values of the call, and in front of the keys and
// values those carried. The last column of the values is 1, and 0 where there was no
// token.
func (hedgehog) inputs(l Layer, x *Node, from State) tokens {
	var past *Node
	if l.Mixer.Int("conv") > 1 {
		past = from.tensor(len(from.Tensors) - 1)
	}
	f := l.inputs(x, past)
	t := tokens{
		w: l.Mixer.Int("window"), n: l.Mixer.Int("sinks"), scale: l.Model.Scale(l.Index), softcap: l.Model.Softcap,
		q: f.q, keys: f.k, values: scan.AppendOne(f.v), conv: f.conv,
	}
	if t.w == 0 {
		return t
	}
	g := x.Graph()
	var pastKeys, pastValues *Node
	if !from.Start() {
		pastKeys, pastValues = scan.Swap(from.Tensors[2]), scan.AppendOne(scan.Swap(from.Tensors[3]))
	}
	t.keys, t.firstKeys = remembered(pastKeys, t.keys, t.n, t.w, from.seen(g))
	t.values, t.firstValues = remembered(pastValues, t.values, t.n, t.w, from.seen(g))
	return t
}

// linear is the linear branch: a key reaches it w tokens after it came, so to that
// branch the window is nothing but a delay. Sinks never reach it.
func (h hedgehog) linear(l Layer, t tokens, from State) scan.Inputs {
	keys, values := ops.Span(t.keys, 2, 0, t.count()), ops.Span(t.values, 2, 0, t.count())
	if t.n > 0 {
		values = h.afterSinks(t, values, AddScalar(from.seen(values.Graph()), -t.w))
	}
	return h.branch(l, t.q, keys, values, h.memory(from))
}

// branch is linear attention over the given queries [H, B, T, D] and keys and values
// [G, B, T, ·], without its quotient.
func (h hedgehog) branch(l Layer, q, keys, values, first *Node) scan.Inputs {
	return scan.Inputs{
		Q: h.features(l, "q", q), K: h.features(l, "k", keys),
		V: l.perQuery(values), First: first,
	}
}

// window is the softmax branch without its quotient and without γ: for each query
// Σ exp(s_ij − m_i) v_j over the sinks and the last w keys, [H, B, T, D+1].
func (h hedgehog) window(c scan.Blocks, t tokens, from State) *Node {
	return c.Join(h.near(c, t.q, t, visible(c, t.n, t.w, from.seen(t.q.Graph()))))
}

// near is softmax without its quotient over the entries that reach gives each block
// and the bias [N, C, n+w+C] leaves: [H, B, N, C, D+1].
func (hedgehog) near(c scan.Blocks, q *Node, t tokens, bias *Node) *Node {
	r := q.Shape().Dim(0) / t.keys.Shape().Dim(0)
	keys := scan.PerQuery(reach(c, t.firstKeys, t.keys, t.w), r)
	values := scan.PerQuery(reach(c, t.firstValues, t.values, t.w), r)
	scores := Add(t.scores(c.Cut(q), keys), ExpandLeftToRank(bias, 5))
	return ops.AB(ops.ExpBelowMax(scores), values)
}

// scores are s_ij of queries [..., T, D] and keys [..., S, D].
func (t tokens) scores(q, k *Node) *Node { return capped(ops.ABt(MulScalar(q, t.scale), k), t.softcap) }

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
	sums, total := ops.SplitAt(sums, axis, d)
	if l.Mixer.Int("window") == 0 {
		total = AddScalar(total, floor)
	}
	return Div(sums, total)
}

// memory returns the carried state as [H, B, Φ, D+1], the normaliser being the
// last column; nil at the start.
func (hedgehog) memory(from State) *Node {
	if from.Start() {
		return nil
	}
	return scan.Swap(Concatenate([]*Node{from.Tensors[0], InsertAxes(from.Tensors[1], -1)}, -1))
}

// state packs what the next call needs, the inverse of memory and inputs.
func (hedgehog) state(l Layer, after *Node, t tokens) State {
	if !l.KeepState {
		return State{}
	}
	d := l.Model.HeadDim
	after = scan.Swap(after)
	next := []*Node{ops.Span(after, 3, 0, d), Squeeze(ops.Span(after, 3, d, d+1), 3)}
	if t.w > 0 {
		values := ops.Span(windowState(t.values, t.firstValues, t.count()), 3, 0, d)
		next = append(next, scan.Swap(windowState(t.keys, t.firstKeys, t.count())), scan.Swap(values))
	}
	return State{Tensors: append(next, t.conv...)}
}

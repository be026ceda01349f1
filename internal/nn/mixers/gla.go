package mixers

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// gla is gated linear attention: every key dimension decays by a gate of its own. It
// starts as the layer of Liger, which needs no tensor that the teacher has not: the
// gate is the key, and half of the output is softmax over a window. Per head,
//
//	log α_t = log σ(g_t) / normaliser
//	S_t     = Diag(α_t) S_{t−1} + f(k_t) v_tᵀ
//	r_t     = S_tᵀ f(q_t)
//	s_t     = Σ_j softmax_j(c·q̃_t·k̃_j) v_j,   t−window < j <= t, c the teacher's scale, 1/√D
//	y_t     = ½ r_t + ½ s_t, or r_t without a window
//
// f is the softmax over the dimensions of a head; with activation=none it is k_t and
// q_t/√D, as in GLA. q̃ and k̃ are rotated to their positions, q and k only with rope;
// scores in the window are bent by the teacher's cap, where it has one. g is
//
//	decay_from=key    the key as the teacher projects it, with a norm of the teacher's if
//	                  there is one, before convolution, norm and rotation; the same for
//	                  the query heads that share it
//	decay_from=input  W₂·W₁·u + b, for each query head
//
// and with decay=head one number per head: the mean of that key, or H rows of W₂.
//
// State: memory S [B, H, D, D], keys before values; with a window its keys (rotated)
// and values [B, G, w, D] as window.go lays them out; conv [B, K−1, (H+2G)·D] with a
// convolution of width K > 1. The released Liger keeps no keys and values between
// calls, so that it generates from less than it was trained with; here they are kept.
//
// Cost: O(T·(C+D)·D) per head with blocks of C tokens, O(T·C·D·log C) of it for
// weights of single dimensions, and O(T·(C+w)·D) for the window. A step: O((D+w)·D).
//
// Source: Yang et al. 2024, arXiv:2312.06635 (recurrence, low-rank gate); Lan et al.
// 2025, arXiv:2503.01496 (gate from the key, window).
type gla struct{}

func (m gla) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	f, in := m.inputs(l, x, from)
	o, memory := run(in)
	var window []*Node
	if l.Mixer.Window() > 0 {
		var near *Node
		near, window = m.window(l, f, from)
		o = MulScalar(Add(o, near), 0.5)
	}
	return l.outputs(x, o), l.finalState(memory, append(window, f.conv...)...)
}

func (m gla) inputs(l Layer, x *Node, from State) (framed, scan.Inputs) {
	conv := 1 // the convolution's place in the state
	if l.Mixer.Int("window") > 0 {
		conv = 3
	}
	f := l.inputs(x, from.tensor(conv))
	in := scan.Inputs{V: l.perQuery(f.v), LogDecay: m.logDecay(l, x, f), First: from.memory()}
	if l.Mixer.Text("activation") == "softmax" {
		in.Q, in.K = ops.SoftmaxRows(f.q), l.perQuery(ops.SoftmaxRows(f.k))
	} else {
		in.Q, in.K = MulScalar(f.q, 1/math.Sqrt(float64(l.Model.HeadDim))), l.perQuery(f.k)
	}
	return f, in
}

// logDecay is log α, [H, B, T, D], or [H, B, T, 1] with decay=head.
func (gla) logDecay(l Layer, x *Node, f framed) *Node {
	log := func(gate *Node) *Node { return DivScalar(ops.LogSigmoid(gate), float64(l.Mixer.Int("normaliser"))) }
	if l.Mixer.Text("decay_from") == "input" {
		return log(headsFirst(l.Linear("mixer.gk_proj.1", l.Linear("mixer.gk_proj.0", x)), l.Model.Heads))
	}
	gate := headsFirst(f.projected, l.Model.KVHeads)
	if l.Mixer.Text("decay") == arch.Head {
		gate = ReduceAndKeep(gate, ReduceMean, -1)
	}
	return l.perQuery(log(gate))
}

// window is softmax attention over the newest keys, [H, B, T, D], and the rotated keys
// and the values [B, G, w, D] for the next call.
func (gla) window(l Layer, f framed, from State) (near *Node, next []*Node) {
	w, seen := l.Mixer.Window(), from.seen(f.q.Graph())
	q, k, v := scan.Swap(f.q), scan.Swap(f.k), scan.Swap(f.v)
	if !l.Mixer.Bool("rope") {
		q, k = l.Rotation.Queries(q), l.Rotation.Apply(k)
	}
	keys, _ := remembered(from.tensor(1), k, 0, w, seen)
	values, _ := remembered(from.tensor(2), v, 0, w, seen)
	t := q.Shape().Dim(2)
	a := attention{scale: l.Model.Scale(l.Index), softcap: l.Model.Softcap}
	near = scan.Swap(a.banded(l.blocks(t, w), q, [2]*Node{}, keys, values, seen))
	return near, []*Node{windowState(keys, nil, t), windowState(values, nil, t)}
}

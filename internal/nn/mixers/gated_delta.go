package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// gatedDelta is Gated DeltaNet: [delta] with a state that also decays,
//
//	log α_t = −exp(A_log)·SoftPlus(W_a·u_t + dt_bias)
//	S_t     = Diag(α_t) S_{t−1} + β_t k_t (v_t − (Diag(α_t) S_{t−1})ᵀ k_t)ᵀ
//
// with one α per head (decay=head) or one per key dimension of each head
// (decay=channel, which is KDA), W_a then being of low rank and A_log still per
// head. β, q, k, v and the output are those of delta.
//
// State: memory S [B, H, D(k), D(v)]; conv as the frame has it.
//
// Cost: as delta; with decays of dimensions the products of keys and queries in a
// block are log₂ C smaller ones each.
//
// Source: Yang et al. 2024, arXiv:2412.06464, in the layout of Qwen3.5; KDA: Kimi
// Linear, arXiv:2510.26692.
type gatedDelta struct{}

func (m gatedDelta) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	in, conv := m.inputs(l, x, from)
	o, memory := run(in)
	return l.outputs(x, o), l.finalState(memory, conv...)
}

func (m gatedDelta) inputs(l Layer, x *Node, from State) (in scan.Inputs, conv []*Node) {
	in, conv = l.overwriting(x, from)
	in.LogDecay = m.logDecay(l, x)
	return in, conv
}

// logDecay is log α, [H, B, T, 1] or [H, B, T, D].
func (gatedDelta) logDecay(l Layer, x *Node) *Node {
	g := x.Graph()
	var pre *Node
	if l.Mixer.Text("decay") == "channel" {
		pre = l.Linear("mixer.a_proj.1", l.Linear("mixer.a_proj.0", x))
	} else {
		pre = l.Linear("mixer.a_proj", x)
	}
	steps := ops.SoftPlus(Add(pre, ExpandLeftToRank(l.Tensor(g, "mixer.dt_bias"), 3)))
	rate := scan.PerHead(Exp(l.Tensor(g, "mixer.A_log")), 4)
	return Neg(Mul(headsFirst(steps, l.Model.Heads), rate))
}

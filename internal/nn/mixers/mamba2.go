package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// mamba2 is Mamba-2 with the teacher's attention in its places: values play x, keys
// B and queries C. Per head, with u the layer's input,
//
//	[v, k, q] = SiLU(conv([Wv·u, Wk·u, Wq·u]))
//	Δ_t       = softplus(W_Δ·u_t + b_Δ),   A = −exp(A_log)
//	S_t       = exp(Δ_t·A) S_{t−1} + Δ_t v_t k_tᵀ
//	o_t       = S_t q_t, with skip + D·v_t
//	y_t       = RMSNorm(o_t) ⊙ SiLU(W_g·u_t)
//
// There are no positions, no 1/√D and no denominator. Without the convolution there
// is no SiLU of v, k and q either. Switches lead from this layer, that of mmMamba, to
// its relatives:
//
//	decay=sigmoid  S_t = σ(−(W_Δ·u_t + b_Δ)) S_{t−1} + v_t k_tᵀ, the discrete Mamba-2 of MOHAWK
//	groups=g       k = W_B·u, q = W_C·u, [g, N] each, and head h has those of group ⌊h·g/H⌋
//	norm=after, norm_width=full, conv=4, groups=1, skip
//	               the layer of Granite: the gate first, then one norm for all heads
//
// State: memory S [B, H, D, N], N being D unless groups has a state_dim; conv
// [B, K−1, channels], the last inputs of the convolution, oldest first.
//
// Cost: O(T·(C·(D+N) + D·N)) per head with blocks of C tokens. A step: O(D·N).
//
// Source: Liao et al. 2025, arXiv:2502.13145 (layer); Dao & Gu 2024,
// arXiv:2405.21060 (recurrence, groups, skip); Bick et al. 2024, arXiv:2408.10189
// (decay=sigmoid); transformers' GraniteMoeHybrid (norm).
type mamba2 struct{}

func (m mamba2) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	f, in := m.inputs(l, x, from)
	o, memory := run(in)
	if l.Mixer.Bool("skip") {
		o = Add(o, Mul(f.v, scan.PerHead(l.Tensor(x.Graph(), "mixer.D"), 4)))
	}
	if l.KeepState {
		memory = Transpose(memory, -2, -1)
	}
	return l.outputs(x, o), l.finalState(memory, f.conv...)
}

// inputs returns queries, keys and values of every query head, and the recurrence.
func (m mamba2) inputs(l Layer, x *Node, from State) (framed, scan.Inputs) {
	var f framed
	if l.Mixer.Int("groups") > 0 {
		f = m.grouped(l, x, from.tensor(1))
	} else {
		f = l.inputs(x, from.tensor(1))
		f.k = l.perQuery(f.k)
	}
	f.v = l.perQuery(f.v)

	decay, delta := m.decay(l, x)
	in := scan.Inputs{Q: f.q, K: f.k, V: f.v, LogDecay: decay}
	if delta != nil {
		in.V = Mul(f.v, delta)
	}
	if !from.Start() {
		in.First = TransposeAllAxes(from.Tensors[0], 1, 0, 3, 2) // the kernel has keys before values
	}
	return f, in
}

// grouped is the frame's inputs with keys and queries by projections of their own
// that groups of heads share; both come out for every head, [H, B, T, N].
func (mamba2) grouped(l Layer, x, past *Node) framed {
	g := l.Mixer.Int("groups")
	parts, conv := l.mixed(x, past, l.Values(x), l.Linear("mixer.B_proj", x), l.Linear("mixer.C_proj", x))
	perHead := func(u *Node) *Node { return scan.PerQuery(u, l.Model.Heads/g) }
	return framed{
		v:    headsFirst(parts[0], l.Model.KVHeads),
		k:    perHead(l.normed("k", headsFirst(parts[1], g))),
		q:    perHead(l.normed("q", headsFirst(parts[2], g))),
		conv: conv,
	}
}

// decay returns the log-decays and Δ, [H, B, T, 1] each; Δ is nil where it does not
// scale the values.
func (mamba2) decay(l Layer, x *Node) (log, delta *Node) {
	g := x.Graph()
	pre := Add(l.Linear("mixer.dt_proj", x), ExpandLeftToRank(l.Tensor(g, "mixer.dt_bias"), 3))
	delta = headsFirst(ops.SoftPlus(pre), l.Model.Heads)
	if l.Mixer.Text("decay") == "sigmoid" {
		return Neg(delta), nil // log σ(−z) = −softplus(z)
	}
	if l.Mixer.Bool("learn_a") {
		return Neg(Mul(delta, scan.PerHead(Exp(l.Tensor(g, "mixer.A_log")), 4))), delta
	}
	return Neg(delta), delta
}

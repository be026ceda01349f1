package mixers

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// rwkv7 is RWKV-7 as RADLADS puts it in a Transformer's place: receptance, key and
// value are the teacher's q, k and v, rotated. Per head, with u the layer's input,
//
//	log w_t = −exp(−½)·σ(w₀ + W₂·tanh(W₁·u_t))     decay of each key dimension
//	a_t     = σ(a₀ + A₂·A₁·u_t)                    learning rate of each
//	κ̂_t     = k_t/‖k_t‖,          k̃_t = k_t ⊙ (1 − w_t + a_t)         balance
//	κ̂_t     = k_t⊙k_k/‖k_t⊙k_k‖,  k̃_t = k_t ⊙ (1 + (a_t − 1) ⊙ k_a)    without
//	S_t     = Diag(w_t) S_{t−1} − (a_t ⊙ κ̂_t)(S_{t−1}ᵀ κ̂_t)ᵀ + k̃_t v_tᵀ
//	y_t     = S_tᵀ q_t/√D, plus (Σ q_t ⊙ r_k ⊙ k̃_t) v_t with bonus
//
// Log-decays lie between −0.61 and 0. The balance stands in for RWKV-7's norm of
// the output: each write is as large as what the state loses. Of RWKV-7 itself are
// missing: the shift of tokens, as in RADLADS; and the mixing of values with those of
// the first layer, since a mixer here sees one layer only. The gate is the frame's,
// σ(W_g·u), RADLADS's gate_rank_type 1. A norm of the frame is an RMSNorm and also
// covers the bonus, where RWKV-7's GroupNorm does not.
//
// State: memory S [B, H, D(k), D(v)]; conv as the frame has it.
//
// Cost: that of scan's general rule, O(T·(C²+C·D+D²)) per head with blocks of C tokens
// and twice the products of delta in a block. A step: O(D²).
//
// Source: Goldstein et al. 2025, arXiv:2505.03005, and its released code
// (TMix_qwen2rwkv7: rope is its use_pos_emb, on in the released configurations, balance
// its balance_state); Peng et al. 2025, arXiv:2503.14456. The length of κ̂ is
// √(Σ+1e-6), as in flash-linear-attention's RWKV7Attention.
type rwkv7 struct{}

func (m rwkv7) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	in, conv := m.inputs(l, x, from)
	o, memory := run(in)
	return l.outputs(x, m.withBonus(l, in, o)), l.finalState(memory, conv...)
}

// leastLogDecay is −exp(−½).
const leastLogDecay = -0.6065306597126334

func (m rwkv7) inputs(l Layer, x *Node, from State) (in scan.Inputs, conv []*Node) {
	f := l.inputs(x, from.tensor(1))
	k, heads := l.perQuery(f.k), l.Model.Heads
	w := l.Linear("mixer.w_proj.1", Tanh(l.Linear("mixer.w_proj.0", x)))
	logDecay := MulScalar(Sigmoid(headsFirst(w, heads)), leastLogDecay)
	rate := Sigmoid(headsFirst(l.Linear("mixer.a_proj.1", l.Linear("mixer.a_proj.0", x)), heads))

	direction, key := unit(k), Mul(k, Add(OneMinus(Exp(logDecay)), rate))
	if !l.Mixer.Bool("balance") {
		direction = unit(Mul(k, m.perChannel(l, x, "mixer.k_k")))
		key = Mul(k, OnePlus(Mul(AddScalar(rate, -1), m.perChannel(l, x, "mixer.k_a"))))
	}
	return scan.Inputs{
		Q: MulScalar(f.q, 1/math.Sqrt(float64(l.Model.HeadDim))),
		K: key, V: l.perQuery(f.v), LogDecay: logDecay,
		Remove: Neg(direction), Write: Mul(direction, rate), First: from.memory(),
	}, f.conv
}

// withBonus adds what a token's own value gets beside the state. The queries of in
// carry 1/√D, which the bonus does without.
func (m rwkv7) withBonus(l Layer, in scan.Inputs, o *Node) *Node {
	if !l.Mixer.Bool("bonus") {
		return o
	}
	score := MulScalar(Mul(Mul(in.Q, m.perChannel(l, o, "mixer.r_k")), in.K), math.Sqrt(float64(l.Model.HeadDim)))
	return Add(o, Mul(ReduceAndKeep(score, ReduceSum, -1), in.V))
}

// perChannel is a tensor [H·D] as [H, 1, 1, D].
func (rwkv7) perChannel(l Layer, x *Node, name string) *Node {
	return Reshape(l.Tensor(x.Graph(), name), l.Model.Heads, 1, 1, l.Model.HeadDim)
}

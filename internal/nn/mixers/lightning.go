package mixers

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// lightning is linear attention with a decay per head that no input changes. Rotary
// positions stay, so that the teacher's queries and keys mean what they meant. HALO
// adds a norm to them where the teacher has none, and so does qk_norm here: the same
// steps of training then come much nearer to the teacher. Per head,
//
//	q, k = rotated RMSNorm(W_q·u), RMSNorm(W_k·u)
//	S_t  = λ_h S_{t−1} + k_t v_tᵀ
//	o_t  = S_tᵀ q_t / √D
//	y_t  = RMSNorm(o_t) ⊙ σ(W_g·u_t)
//
// with one of these decays, h counting from 0:
//
//	slopes  λ_h = exp(−2^(−8(h+1)/H)), the slopes of ALiBi
//	retnet  λ_h = 1 − 2^(−5−h)
//	learnt  λ_h = exp(−exp(log_rate_h)), which cannot leave (0, 1), from the slopes
//
// The first two are those of their papers. Learnt ones are what a layer gets that
// does not ask: the slopes forget far faster than a teacher's heads of few dimensions
// look back, and training them costs nothing (docs/mixers.md).
//
// A block of C tokens decays by λ^C as C log λ in the exponent, and longer stretches
// by sums of that, so that 16384 tokens are as exact as 16.
//
// State: memory S [B, H, D, D], keys before values; conv [B, K−1, (H+2G)·D] with a
// convolution of width K > 1.
//
// Cost: O(T·(C+D)·D) per head with blocks of C tokens. A step: O(D²).
//
// Source: Qin et al. 2024, arXiv:2401.04658 (slopes, blocks); Sun et al. 2023,
// arXiv:2307.08621 (retnet); HALO 2026, arXiv:2601.22156 (rotation, norm and gate in
// a converted layer); slopes: Press et al. 2021, arXiv:2108.12409.
type lightning struct{}

func (m lightning) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	f := l.inputs(x, from.tensor(1))
	h, b, t := l.Model.Heads, x.Shape().Dim(0), x.Shape().Dim(1)
	o, memory := run(scan.Inputs{
		Q:        MulScalar(f.q, 1/math.Sqrt(float64(l.Model.HeadDim))),
		K:        l.perQuery(f.k),
		V:        l.perQuery(f.v),
		LogDecay: BroadcastToDims(scan.PerHead(m.logDecay(l, x.Graph()), 4), h, b, t, 1),
		First:    from.memory(),
	})
	return l.outputs(x, o), l.finalState(memory, f.conv...)
}

// logDecay is log λ, [H].
func (lightning) logDecay(l Layer, g *Graph) *Node {
	n := l.Model.Heads
	log := make([]float32, n)
	switch l.Mixer.Text("decay") {
	case "learnt":
		return Neg(Exp(l.Tensor(g, "mixer.log_rate")))
	case "retnet":
		for h := range log {
			log[h] = float32(math.Log1p(-math.Exp2(float64(-5 - h))))
		}
	default:
		for h := range log {
			log[h] = float32(-math.Exp2(-8 * float64(h+1) / float64(n)))
		}
	}
	return Const(g, log)
}

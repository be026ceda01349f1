package mixers

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// delta is DeltaNet: a write first takes out what its key already holds. Per head,
// with u the layer's input and q, k, v as the frame makes them,
//
//	β_t = σ(W_b·u_t), twice that with allow_neg_eigval
//	S_t = S_{t−1} + β_t k_t (v_t − S_{t−1}ᵀ k_t)ᵀ
//	y_t = S_tᵀ q_t/√D
//
// With keys of length 1, which qk_norm=l2 gives, the state keeps 1−β_t of what
// it holds along k_t: between 0 and 1, or with allow_neg_eigval between −1 and 1.
//
// State: memory S [B, H, D(k), D(v)]; conv as the frame has it.
//
// Cost: that of scan's delta rule, O(T·(C²+C·D+D²)) per head with blocks of C tokens,
// the C² for an inverse in each block. A step: O(D²).
//
// Source: Yang et al. 2024, arXiv:2406.06484; fla's DeltaNet, whose layout this is;
// allow_neg_eigval: Grazzi et al. 2024, arXiv:2411.12537.
type delta struct{}

func (delta) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	in, conv := l.overwriting(x, from)
	o, memory := run(in)
	return l.outputs(x, o), l.finalState(memory, conv...)
}

// overwriting are the inputs of a delta rule without decay.
func (l Layer) overwriting(x *Node, from State) (in scan.Inputs, conv []*Node) {
	f := l.inputs(x, from.tensor(1))
	beta := Sigmoid(headsFirst(l.Linear("mixer.b_proj", x), l.Model.Heads)) // [H, B, T, 1]
	if l.Mixer.Bool("allow_neg_eigval") {
		beta = MulScalar(beta, 2)
	}
	return scan.Inputs{
		Q: MulScalar(f.q, 1/math.Sqrt(float64(l.Model.HeadDim))),
		K: l.perQuery(f.k), V: l.perQuery(f.v), Beta: beta, First: from.memory(),
	}, f.conv
}

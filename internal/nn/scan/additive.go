package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// additive is the additive rule in blocks:
//
//	o_i = S_0ᵀ (exp(sum_i) ⊙ q_i) + Σ_{j<=i} (Σ_d q_id k_jd exp(sum_id − sum_jd)) v_j
//
// with S_0 the state before the block and sum the log-decays from its start.
//
// Cost per head: O(T·(C+K)·V + T·C·K) with blocks of C tokens, O(T·C²) more for
// decays of tokens and O(T·C·K·log C) for those of rows.
func (in Inputs) additive(size int, keep bool) (o, after *Node) {
	c := CutInto(in.Q.Shape().Dim(2), size)
	q, k, v := c.Cut(in.Q), c.Cut(in.K), c.Cut(in.V)
	d := in.decays(c)

	o = ops.AB(d.scores(q, k, own), v)
	if in.First == nil && c.Count == 1 && !keep {
		return c.Join(o), nil
	}
	if d.byRow() {
		starts, after := StatesAt(in.First, ops.AtB(d.write(k), v), d.whole())
		return c.Join(Add(o, ops.AB(d.read(q, own), starts))), after
	}
	// States with values before keys: on the way there v is transposed and not k, on the
	// way back the slope of o and not q, which are wider where keys are features.
	starts, after := StatesAt(turned(in.First), ops.AtB(v, d.write(k)), perBlock(d.whole()))
	return c.Join(Add(o, ops.ABt(d.read(q, own), starts))), ops.Turned(after)
}

// turned exchanges the last two axes of what may be nil.
func turned(x *Node) *Node {
	if x == nil {
		return nil
	}
	return ops.Turned(x)
}

// decays cuts the log-decays and prepares them. The tokens that fill up the last
// block decay nothing.
func (in Inputs) decays(c Blocks) *decay {
	if in.LogDecay == nil {
		return newDecay(nil)
	}
	return newDecay(c.Cut(in.LogDecay))
}

// first is the state before the first token.
func (in Inputs) first() *Node {
	if in.First != nil {
		return in.First
	}
	k, v := in.K.Shape().Dimensions, in.V.Shape().Dimensions
	return Zeros(in.K.Graph(), ops.F32(k[0], k[1], k[3], v[3]))
}

// perBlock is decay.whole of one decay per token as StatesAt wants it, [H, B, N].
func perBlock(whole *Node) *Node {
	if whole == nil {
		return nil
	}
	return Squeeze(whole, -1)
}

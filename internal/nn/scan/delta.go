package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// delta is the delta rule in blocks. What a token writes, besides its key, depends
// on what the tokens before it wrote:
//
//	u_i = β_i (v_i − S_0ᵀ (exp(sum_i) ⊙ k_i) − Σ_{j<i} (Σ_d k_id k_jd exp(sum_id − sum_jd)) u_j)
//
// a triangular system in the tokens of a block, solved for both of its right sides,
// so that U + W S_0 has the u as its rows.
//
// Source: Yang et al. 2024, arXiv:2406.06484 (DeltaNet, the WY form), 2412.06464
// (scalar decay); Kimi Team 2025, arXiv:2510.26692 (decay by rows).
func (in Inputs) delta(size int, keep bool) (o, after *Node) {
	c := CutInto(in.Q.Shape().Dim(2), size)
	q, k, v, beta := c.Cut(in.Q), c.Cut(in.K), c.Cut(in.V), c.Cut(in.Beta)
	d := in.decays(c)

	removed := Mul(k, Neg(beta))
	b := writes{blocks: c, decay: d, q: q, rows: k, scores: d.scores(q, k, own)}
	right := []*Node{Mul(v, beta)}
	if in.carries(c, keep) {
		right = append(right, d.read(removed, own))
	}
	x := solve(d.scores(removed, k, past), right...)
	b.own = x[0]
	if len(x) == 1 {
		return c.Join(ops.AB(b.scores, b.own)), nil
	}
	b.ofState = x[1]
	return in.carry(b, nil, nil)
}

// writes is what the tokens of blocks write when that depends on the state before
// the block: the sum over tokens of rows ⊗ (own + S_0ᵀ ofState).
type writes struct {
	blocks Blocks
	decay  *decay

	q       *Node // [H, B, N, C, K]
	rows    *Node // [H, B, N, C, K]
	scores  *Node // [H, B, N, C, C]: of q with rows
	own     *Node // [H, B, N, C, V]
	ofState *Node // [H, B, N, C, K]
}

// carries reports whether a state enters or leaves a block.
func (in Inputs) carries(c Blocks, keep bool) bool {
	return in.First != nil || c.Count > 1 || keep
}

// carry runs the states through the blocks:
//
//	S   ← M S + X,  M = Diag(exp(sum_C)) + rowsᵀ ofState,  X = rowsᵀ own + x
//	o_i = (exp(sum_i) ⊙ q_i + scores ofState) S + scores own + o
//
// with rows decayed to the block's end, and o and x what else there is; nil: nothing.
func (in Inputs) carry(b writes, o, x *Node) (out, after *Node) {
	sum := func(a, b *Node) *Node {
		if b == nil {
			return a
		}
		return Add(a, b)
	}
	written := outers(b.decay.write(b.rows), b.ofState, b.own)
	m := Add(b.decay.diagonal(b.rows), written[0])
	before, after := statesThrough(in.first(), m, sum(written[1], x))
	seen := products(b.scores, b.ofState, b.own)
	reads := Add(b.decay.read(b.q, own), seen[0])
	out = Add(sum(seen[1], o), ops.AB(reads, before))
	return b.blocks.Join(out), after
}

// diagonal is Diag(exp of a block's log-decays), [..., K, K] for rows [..., C, K].
func (d *decay) diagonal(rows *Node) *Node {
	unit := ExpandLeftToRank(identity(rows.Graph(), rows.Shape().Dim(-1)), rows.Rank())
	if d.log == nil {
		return unit
	}
	return Mul(unit, Exp(InsertAxes(d.whole(), -1)))
}

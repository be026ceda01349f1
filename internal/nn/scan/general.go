package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// general is the rule with a rank-one change of the state by any two vectors, in
// blocks. With p_i = S_{i−1}ᵀ a_i and before_i = sum_i − log α_i,
//
//	p_i = S_0ᵀ (exp(before_i) ⊙ a_i) + Σ_{j<i} A^b_ij p_j + A^k_ij v_j
//	A^x_ij = Σ_d a_id x_jd exp(before_id − sum_jd)
//
// is solved for both of its right sides, so that U + W S_0 has the p as its rows.
//
// Source: Peng et al. 2025, arXiv:2503.14456 (RWKV-7); Yang et al. 2024,
// arXiv:2406.06484 (the WY form).
func (in Inputs) general(size int, keep bool) (o, after *Node) {
	c := CutInto(in.Q.Shape().Dim(2), size)
	q, k, v := c.Cut(in.Q), c.Cut(in.K), c.Cut(in.V)
	remove, write := c.Cut(in.Remove), c.Cut(in.Write)
	d := in.decays(c)

	b := writes{blocks: c, decay: d, q: q, rows: write, scores: d.scores(q, write, own)}
	right := []*Node{ops.AB(d.scores(remove, k, before), v)}
	if in.carries(c, keep) {
		right = append(right, d.read(remove, before))
	}
	x := solve(d.scores(remove, write, before), right...)
	b.own = x[0]
	o = ops.AB(d.scores(q, k, own), v)
	if len(x) == 1 {
		return c.Join(Add(o, ops.AB(b.scores, b.own))), nil
	}
	b.ofState = x[1]
	return in.carry(b, o, ops.AtB(d.write(k), v))
}

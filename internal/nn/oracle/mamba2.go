package oracle

import "math"

// mamba2 is the recurrence of mmMamba's Mamba-2, token by token:
// S ← exp(Δ·A) S + Δ v kᵀ, o = S q.
//
// Source: Liao et al. 2025, arXiv:2502.13145.
func mamba2(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d := l.Model, l.Model.HeadDim
	memory := make([]float64, m.Heads*d*d) // [H, D(v), D(k)]
	f := l.inputs(x)
	for t, u := range x {
		pre := apply(l.weight("mixer.dt_proj.weight"), u)
		var y []float64
		for h := range m.Heads {
			a := -1.0
			if l.Mixer.Bool("learn_a") {
				a = -math.Exp(l.weight("mixer.A_log")[h])
			}
			delta := softplus(pre[h] + l.weight("mixer.dt_bias")[h])
			for i, vi := range l.head(f.v[t], l.group(h)) {
				row := memory[(h*d+i)*d : (h*d+i+1)*d]
				for j, kj := range l.head(f.k[t], l.group(h)) {
					row[j] = math.Exp(delta*a)*row[j] + delta*vi*kj
				}
				y = append(y, dot(row, l.head(f.q[t], h)))
			}
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memory}, l.convState(f.conv)...)
}

package oracle

import "math"

// lightning is linear attention with a fixed decay per head, token by token:
// S ← λ S + k vᵀ, o = qᵀ S / √D.
//
// Source: Qin et al. 2024, arXiv:2401.04658.
func lightning(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d := l.Model, l.Model.HeadDim
	memory := make([]float64, m.Heads*d*d) // [H, D(k), D(v)]
	f := l.inputs(x)
	for t, u := range x {
		var y []float64
		for h := range m.Heads {
			var λ float64
			switch l.Mixer.Text("decay") {
			case "slopes":
				λ = math.Exp(-math.Pow(2, -8*float64(h+1)/float64(m.Heads)))
			case "retnet":
				λ = 1 - math.Pow(2, -5-float64(h))
			case "learnt":
				λ = math.Exp(-math.Exp(l.weight("mixer.log_rate")[h]))
			}
			out := make([]float64, d)
			for i, k := range l.head(f.k[t], l.group(h)) {
				row := memory[(h*d+i)*d : (h*d+i+1)*d]
				for j, v := range l.head(f.v[t], l.group(h)) {
					row[j] = λ*row[j] + k*v
					out[j] += row[j] * l.head(f.q[t], h)[i] / math.Sqrt(float64(d))
				}
			}
			y = append(y, out...)
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memory}, l.convState(f.conv)...)
}

package oracle

import "math"

// rwkv7 is the recurrence of RWKV-7 with RADLADS's projections, token by token:
// S ← Diag(w) S − (a⊙κ̂)(Sᵀκ̂)ᵀ + k̃ vᵀ, o = Sᵀ q/√D, with the S of the token before
// on the right.
//
// Source: Goldstein et al. 2025, arXiv:2505.03005; Peng et al. 2025, arXiv:2503.14456.
func rwkv7(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d := l.Model, l.Model.HeadDim
	memory := make([]float64, m.Heads*d*d) // [H, D(k), D(v)]
	f := l.inputs(x)
	for t, u := range x {
		hidden := l.linear("mixer.w_proj.0", u)
		for i := range hidden {
			hidden[i] = math.Tanh(hidden[i])
		}
		decays := l.linear("mixer.w_proj.1", hidden)
		rates := l.linear("mixer.a_proj.1", l.linear("mixer.a_proj.0", u))
		var y []float64
		for h := range m.Heads {
			s := memory[h*d*d : (h+1)*d*d]
			q, v := l.head(f.q[t], h), l.head(f.v[t], l.group(h))
			k := append([]float64(nil), l.head(f.k[t], l.group(h))...)
			direction := append([]float64(nil), k...)
			w, a := make([]float64, d), make([]float64, d)
			for i := range d {
				w[i] = math.Exp(-math.Exp(-0.5) * sigmoid(decays[h*d+i]))
				a[i] = sigmoid(rates[h*d+i])
				if l.Mixer.Bool("balance") {
					k[i] *= 1 - w[i] + a[i]
				} else {
					direction[i] *= l.weight("mixer.k_k")[h*d+i]
					k[i] *= 1 + (a[i]-1)*l.weight("mixer.k_a")[h*d+i]
				}
			}
			scaleBy(direction, 1/math.Sqrt(dot(direction, direction)+1e-6))
			seen := recall(s, direction)
			for i := range s {
				r, c := i/d, i%d
				s[i] = w[r]*s[i] - a[r]*direction[r]*seen[c] + k[r]*v[c]
			}
			o := recall(s, q)
			scaleBy(o, 1/math.Sqrt(float64(d)))
			if l.Mixer.Bool("bonus") {
				var score float64
				for i := range d {
					score += q[i] * k[i] * l.weight("mixer.r_k")[h*d+i]
				}
				for i := range o {
					o[i] += score * v[i]
				}
			}
			y = append(y, o...)
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memory}, l.convState(f.conv)...)
}

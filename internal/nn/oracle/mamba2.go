package oracle

import "math"

// mamba2 is Mamba-2 over the teacher's values, keys and queries, token by token:
// S ← exp(Δ·A) S + Δ v kᵀ, o = S q + D v; with decay=sigmoid S ← σ(−z) S + v kᵀ.
//
// Source: Liao et al. 2025, arXiv:2502.13145; Dao & Gu 2024, arXiv:2405.21060.
func mamba2(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d, n := l.Model, l.Model.HeadDim, l.stateDim()
	memory := make([]float64, m.Heads*d*n) // [H, D(v), N(k)]
	f := l.mamba2Inputs(x)
	for t, u := range x {
		z := apply(l.weight("mixer.dt_proj.weight"), u)
		var y []float64
		for h := range m.Heads {
			z[h] += l.weight("mixer.dt_bias")[h]
			keep, write := l.mamba2Decay(h, z[h])
			shared := l.group(h)
			query := h
			if g := l.Mixer.Int("groups"); g > 0 {
				shared = h * g / m.Heads
				query = shared
			}
			k, q := f.k[t][shared*n:(shared+1)*n], f.q[t][query*n:(query+1)*n]
			for i, v := range l.head(f.v[t], l.group(h)) {
				row := memory[(h*d+i)*n : (h*d+i+1)*n]
				for j := range row {
					row[j] = keep*row[j] + write*v*k[j]
				}
				out := dot(row, q)
				if l.Mixer.Bool("skip") {
					out += l.weight("mixer.D")[h] * v
				}
				y = append(y, out)
			}
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memory}, l.convState(f.conv)...)
}

// mamba2Decay is what a step of head h leaves of the state, and what its values are
// multiplied by.
func (l Layer) mamba2Decay(h int, z float64) (keep, write float64) {
	if l.Mixer.Text("decay") == "sigmoid" {
		return sigmoid(-z), 1
	}
	a := -1.0
	if l.Mixer.Bool("learn_a") {
		a = -math.Exp(l.weight("mixer.A_log")[h])
	}
	return math.Exp(softplus(z) * a), softplus(z)
}

// stateDim is the width of mamba2's keys and queries, B and C.
func (l Layer) stateDim() int {
	if n := l.Mixer.Int("state_dim"); n > 0 {
		return n
	}
	return l.Model.HeadDim
}

// mamba2Inputs is the frame's inputs, or with groups the same from the projections to
// B and C: queries and keys [g·N] then.
func (l Layer) mamba2Inputs(x [][]float64) framed {
	g := l.Mixer.Int("groups")
	if g == 0 {
		return l.inputs(x)
	}
	var f framed
	kv, b := l.Model.KeyValues(), g*l.stateDim()
	norms := l // its heads are as wide as B and C
	model := *l.Model
	model.HeadDim = l.stateDim()
	norms.Model = &model
	for _, u := range x {
		v := l.linear("v_proj", u)
		f.conv = append(f.conv, append(append(v, l.linear("mixer.B_proj", u)...), l.linear("mixer.C_proj", u)...))
		c := l.convolved(f.conv)
		f.v = append(f.v, c[:kv])
		f.k = append(f.k, norms.normed("k", c[kv:kv+b]))
		f.q = append(f.q, norms.normed("q", c[kv+b:]))
	}
	return f
}

package oracle

import "math"

// softmax is causal attention, y_i = Σ_j exp(s_ij) v_j / Σ_j exp(s_ij) with
// s_ij = q_i·k_j/√D over rotated queries and keys.
//
// Source: Vaswani et al. 2017, arXiv:1706.03762.
func softmax(l Layer, x [][]float64) (heads, state [][]float64) {
	m := l.Model
	var keys, values [][]float64
	for t, u := range x {
		q := l.rotate(l.linear("q_proj", u), t)
		keys = append(keys, l.rotate(l.linear("k_proj", u), t))
		values = append(values, l.linear("v_proj", u))
		var y []float64
		for h := range m.Heads {
			out, total := make([]float64, m.HeadDim), 0.0
			for j := range keys {
				a := math.Exp(dot(l.head(q, h), l.head(keys[j], l.group(h))) / math.Sqrt(float64(m.HeadDim)))
				total += a
				for i, v := range l.head(values[j], l.group(h)) {
					out[i] += a * v
				}
			}
			for i := range out {
				out[i] /= total
			}
			y = append(y, out...)
		}
		heads = append(heads, y)
	}
	return heads, [][]float64{l.cache(keys), l.cache(values)}
}

// cache lays out rows [T][G·D] as [G, Capacity, D], newest last.
func (l Layer) cache(rows [][]float64) []float64 {
	d := l.Model.HeadDim
	out := make([]float64, l.Model.KVHeads*l.Capacity*d)
	for t, row := range rows {
		for g := range l.Model.KVHeads {
			copy(out[(g*l.Capacity+t)*d:], l.head(row, g))
		}
	}
	return out
}

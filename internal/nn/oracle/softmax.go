package oracle

import "math"

// softmax is causal attention, score by score, over the keys that a token sees:
// y_i = Σ_j exp(s_ij) v_j / (Σ_j exp(s_ij) + exp(b)), where b is the sink's logit.
//
// Source: Vaswani et al. 2017, arXiv:1706.03762.
func softmax(l Layer, x [][]float64) (heads, state [][]float64) {
	m, w, n := l.Model, l.Mixer.Int("window"), l.Mixer.Int("sinks")
	var keys, values [][]float64
	for t, u := range x {
		q, k := l.normed("q", l.linear("q_proj", u)), l.normed("k", l.linear("k_proj", u))
		if l.Mixer.Bool("rope") {
			q, k = l.rotate(q, t), l.rotate(k, t)
		}
		keys, values = append(keys, k), append(values, l.linear("v_proj", u))
		var y []float64
		for h := range m.Heads {
			out, total := make([]float64, m.HeadDim), 0.0
			if l.Mixer.Bool("sink_logit") {
				total = math.Exp(l.weight("mixer.sink_logits")[h])
			}
			for j := range keys {
				if w > 0 && j <= t-w && j >= n {
					continue
				}
				s := dot(l.head(q, h), l.head(keys[j], l.group(h))) / math.Sqrt(float64(m.HeadDim))
				if c := l.Mixer.Number("softcap"); c > 0 {
					s = c * math.Tanh(s/c)
				}
				total += math.Exp(s)
				for i, v := range l.head(values[j], l.group(h)) {
					out[i] += math.Exp(s) * v
				}
			}
			scaleBy(out, 1/total)
			y = append(y, out...)
		}
		heads = append(heads, y)
	}
	if w > 0 {
		return heads, [][]float64{l.withSinks(keys, n, w), l.withSinks(values, n, w)}
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

// withSinks lays out the first n rows and then the last w as [G, n+w, D], either
// in order; places of rows that there are not are zero.
func (l Layer) withSinks(rows [][]float64, n, w int) []float64 {
	d := l.Model.HeadDim
	newest := l.latest(rows, w)
	var out []float64
	for g := range l.Model.KVHeads {
		first := make([]float64, n*d)
		for t := range min(n, len(rows)) {
			copy(first[t*d:], l.head(rows[t], g))
		}
		out = append(append(out, first...), newest[g*w*d:(g+1)*w*d]...)
	}
	return out
}

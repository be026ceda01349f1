package oracle

import "math"

// gla is gated linear attention, token by token: S ← Diag(α) S + f(k) vᵀ, and
// r = Sᵀ f(q), averaged with softmax attention over a window when there is one.
//
// Source: Yang et al. 2024, arXiv:2312.06635; Lan et al. 2025, arXiv:2503.01496.
func gla(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d, w := l.Model, l.Model.HeadDim, l.Mixer.Int("window")
	memory := make([]float64, m.Heads*d*d) // [H, D(k), D(v)]
	f := l.inputs(x)
	var keys [][]float64 // rotated
	for t, u := range x {
		keys = append(keys, l.rotatedOnce(f.k[t], t))
		rotated := l.rotatedOnce(f.q[t], t)
		var y []float64
		for h := range m.Heads {
			α := l.glaDecay(u, h)
			q, k := l.activated(l.head(f.q[t], h)), l.activated(l.head(f.k[t], l.group(h)))
			if l.Mixer.Text("activation") == "none" {
				scaleBy(q, 1/math.Sqrt(float64(d)))
			}
			out := make([]float64, d)
			for i := range d {
				row := memory[(h*d+i)*d : (h*d+i+1)*d]
				for j, v := range l.head(f.v[t], l.group(h)) {
					row[j] = α[i]*row[j] + k[i]*v
					out[j] += row[j] * q[i]
				}
			}
			if w > 0 {
				near := l.windowed(h, l.head(rotated, h), keys, f.v[:t+1], w)
				for i := range out {
					out[i] = (out[i] + near[i]) / 2
				}
			}
			y = append(y, out...)
		}
		heads = append(heads, l.outputs(u, y))
	}
	state = [][]float64{memory}
	if w > 0 {
		state = append(state, l.latest(keys, w), l.latest(f.v, w))
	}
	return heads, append(state, l.convState(f.conv)...)
}

// glaDecay is α [D] of head h for the layer's input u.
func (l Layer) glaDecay(u []float64, h int) []float64 {
	d := l.Model.HeadDim
	var gate []float64
	if l.Mixer.Text("decay_from") == "key" {
		gate = append(gate, l.head(l.linear("k_proj", u), l.group(h))...)
		if l.Mixer.Text("decay") == "head" {
			var mean float64
			for _, g := range gate {
				mean += g / float64(d)
			}
			gate = []float64{mean}
		}
	} else {
		gate = l.linear("mixer.gk_proj.1", apply(l.weight("mixer.gk_proj.0.weight"), u))
		n := len(gate) / l.Model.Heads
		gate = gate[h*n : (h+1)*n]
	}
	α := make([]float64, d)
	for i := range α {
		α[i] = math.Pow(sigmoid(gate[i%len(gate)]), 1/float64(l.Mixer.Int("normaliser")))
	}
	return α
}

// activated is f of one head's query or key, a copy.
func (l Layer) activated(u []float64) []float64 {
	out := append([]float64(nil), u...)
	if l.Mixer.Text("activation") == "none" {
		return out
	}
	var total float64
	for i, v := range u {
		out[i] = math.Exp(v)
		total += out[i]
	}
	scaleBy(out, 1/total)
	return out
}

// rotatedOnce is u at its position, unless the frame has turned it already.
func (l Layer) rotatedOnce(u []float64, position int) []float64 {
	if l.Mixer.Bool("rope") {
		return u
	}
	return l.rotate(u, position)
}

// windowed is softmax attention of one query over the newest w keys.
func (l Layer) windowed(h int, q []float64, keys, values [][]float64, w int) []float64 {
	out, total := make([]float64, len(q)), 0.0
	for j := max(0, len(keys)-w); j < len(keys); j++ {
		a := math.Exp(l.capped(dot(q, l.head(keys[j], l.group(h))) / math.Sqrt(float64(len(q)))))
		total += a
		for i, v := range l.head(values[j], l.group(h)) {
			out[i] += a * v
		}
	}
	scaleBy(out, 1/total)
	return out
}

package oracle

import (
	"math"
)

// hedgehog is the attention of LoLCATs, weight by weight: every pair of a query
// and a key gets its own unnormalised weight, by softmax inside the window and
// by features before it.
//
// Source: Zhang et al. 2024, arXiv:2410.10254.
func hedgehog(l Layer, x [][]float64) (heads, state [][]float64) {
	m, w := l.Model, l.Mixer.Int("window")
	f := l.inputs(x)
	mapped := make([][][]float64, m.Heads) // [H][T][2F]: the features of the keys
	for t, u := range x {
		q, keys, values := f.q[t], f.k[:t+1], f.v[:t+1]
		var y []float64
		for h := range m.Heads {
			k := l.head(keys[t], l.group(h))
			mapped[h] = append(mapped[h], l.features("mixer.feature_map_k.weight", h, k))
			weights := l.hedgehogWeights(h, l.head(q, h), keys, mapped[h])
			out, total := make([]float64, m.HeadDim), 0.0
			if w == 0 {
				total = 1e-12
			}
			for j, a := range weights {
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
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append(l.hedgehogState(mapped, f.k, f.v), l.convState(f.conv)...)
}

// hedgehogWeights returns a_ij of the newest query q of head h for all keys.
func (l Layer) hedgehogWeights(h int, q []float64, keys, mapped [][]float64) []float64 {
	w, i := l.Mixer.Int("window"), len(keys)-1
	near, far := 1.0, 1.0
	scores, most := make([]float64, len(keys)), math.Inf(-1)
	if w > 0 {
		near = sigmoid(l.weight("mixer.window_factors")[h])
		if l.Mixer.Bool("affine") {
			far = 1 - near
		}
		for j := max(0, i-w+1); j <= i; j++ {
			scores[j] = dot(q, l.head(keys[j], l.group(h))) / math.Sqrt(float64(len(q)))
			most = max(most, scores[j])
		}
	}
	a := make([]float64, len(keys))
	phi := l.features("mixer.feature_map_q.weight", h, q)
	for j := range keys {
		if j > i-w {
			a[j] = near * math.Exp(scores[j]-most)
		} else {
			a[j] = far * dot(phi, mapped[j])
		}
	}
	return a
}

// features is [softmax(u·W_h), softmax(−u·W_h)], at least 1e-12 each, with the
// map W [H, D, F] of the given name.
func (l Layer) features(name string, h int, u []float64) []float64 {
	all := l.weight(name)
	n := len(all) / (l.Model.Heads * len(u))
	z := make([]float64, n)
	for d, v := range u {
		for f := range n {
			z[f] += v * all[(h*len(u)+d)*n+f]
		}
	}
	phi := make([]float64, 2*n)
	for half, sign := range []float64{1, -1} {
		var total float64
		for _, v := range z {
			total += math.Exp(sign * v)
		}
		for f, v := range z {
			phi[half*n+f] = max(math.Exp(sign*v)/total, 1e-12)
		}
	}
	return phi
}

// hedgehogState is memory [H, 2F, D] and normaliser [H, 2F] of the keys before
// the window, then the window's keys and values [G, w, D].
func (l Layer) hedgehogState(mapped [][][]float64, keys, values [][]float64) [][]float64 {
	w, d := l.Mixer.Int("window"), l.Model.HeadDim
	var memory, normaliser []float64
	for h := range l.Model.Heads {
		n := len(mapped[h][0])
		s, z := make([]float64, n*d), make([]float64, n)
		for j := range len(keys) - w {
			for f, p := range mapped[h][j] {
				z[f] += p
				for i, v := range l.head(values[j], l.group(h)) {
					s[f*d+i] += p * v
				}
			}
		}
		memory, normaliser = append(memory, s...), append(normaliser, z...)
	}
	state := [][]float64{memory, normaliser}
	if w > 0 {
		state = append(state, l.latest(keys, w), l.latest(values, w))
	}
	return state
}

package oracle

import (
	"math"
	"slices"
)

// hedgehog is the attention of LoLCATs, weight by weight: every pair of a query
// and a key gets its own unnormalised weight, by softmax inside the window and
// by features outside. With terrace the heads are those of training; the state is
// that of the plain window, which is what a state is carried on with.
//
// Source: Zhang et al. 2024, arXiv:2410.10254.
func hedgehog(l Layer, x [][]float64) (heads, state [][]float64) {
	m := l.Model
	f := l.inputs(x)
	mapped := make([][][]float64, m.Heads) // [H][T][Φ]: the features of the keys
	for t, u := range x {
		q, keys, values := f.q[t], f.k[:t+1], f.v[:t+1]
		var y []float64
		for h := range m.Heads {
			k := l.head(keys[t], l.group(h))
			mapped[h] = append(mapped[h], l.features("k", h, k))
			weights := l.hedgehogWeights(h, len(x), l.head(q, h), keys, mapped[h])
			out, total := make([]float64, m.HeadDim), 0.0
			if l.Mixer.Int("window") == 0 {
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

// hedgehogWeights returns a_ij of the newest query q of head h for all keys, in a
// sequence that will have the given number of tokens.
func (l Layer) hedgehogWeights(h, tokens int, q []float64, keys, mapped [][]float64) []float64 {
	near, far := 1.0, 1.0
	if l.Mixer.Int("window") > 0 {
		near = sigmoid(l.weight("mixer.window_factors")[h])
		if l.Mixer.Bool("affine") {
			far = 1 - near
		}
	}
	i, most := len(keys)-1, math.Inf(-1)
	scores := make([]float64, len(keys))
	for j, k := range keys {
		scores[j] = l.capped(dot(q, l.head(k, l.group(h))) / math.Sqrt(float64(len(q))))
		if soft, _ := l.branches(i, j, tokens); soft {
			most = max(most, scores[j])
		}
	}
	a := make([]float64, len(keys))
	phi := l.features("q", h, q)
	for j := range keys {
		soft, linear := l.branches(i, j, tokens)
		if soft {
			a[j] += near * math.Exp(scores[j]-most)
		}
		if linear {
			a[j] += far * dot(phi, mapped[j])
		}
	}
	return a
}

// branches says what handles key j <= i for query i of so many tokens.
func (l Layer) branches(i, j, tokens int) (soft, linear bool) {
	w := l.Mixer.Int("window")
	switch {
	case w == 0:
		return false, true
	case j < l.Mixer.Int("sinks"):
		return true, false
	case !l.Mixer.Bool("terrace"):
		return i-j < w, i-j >= w
	case tokens <= w:
		return true, l.Mixer.Bool("short_overlap")
	}
	back := func(place int) int { return (tokens - 1 - place) / w } // blocks from the end
	soft = back(j)-back(i) <= 1
	return soft, !soft
}

// features of head h, of a query ("q") or a key ("k") u.
func (l Layer) features(which string, h int, u []float64) []float64 {
	name := "mixer.feature_map_" + which
	if l.Mixer.Bool("tie_maps") {
		name = "mixer.feature_map"
	}
	all := l.weight(name + ".weight") // [H, D, F]
	n := len(all) / (l.Model.Heads * len(u))
	z, opposite := make([]float64, n), make([]float64, n)
	for f := range n {
		if l.Mixer.Bool("map_bias") {
			z[f] = l.weight(name + ".bias")[h*n+f]
		}
		for d, v := range u {
			z[f] += v * all[(h*len(u)+d)*n+f]
		}
		opposite[f] = -z[f]
	}
	kind := l.Mixer.Text("feature_map")
	phi := activated(kind, z)
	if l.Mixer.Bool("negated") && (kind == "softmax" || kind == "exp") {
		phi = append(phi, activated(kind, opposite)...)
	}
	for f := range phi {
		phi[f] = max(phi[f], 1e-12)
	}
	return phi
}

func activated(kind string, z []float64) []float64 {
	phi := make([]float64, len(z))
	most, total := slices.Max(z), 0.0
	for _, v := range z {
		total += math.Exp(v)
	}
	for f, v := range z {
		switch kind {
		case "softmax":
			phi[f] = math.Exp(v) / total
		case "exp":
			phi[f] = math.Exp(v - most)
		case "relu":
			phi[f] = max(v, 0)
		case "elu":
			phi[f] = math.Exp(v)
			if v > 0 {
				phi[f] = 1 + v
			}
		default:
			panic("oracle: no feature map " + kind)
		}
	}
	return phi
}

// hedgehogState is memory [H, Φ, D] and normaliser [H, Φ] of the keys before the
// window but for the sinks, then keys and values [G, n+w, D]: the sinks, and the
// newest w.
func (l Layer) hedgehogState(mapped [][][]float64, keys, values [][]float64) [][]float64 {
	w, d := l.Mixer.Int("window"), l.Model.HeadDim
	var memory, normaliser []float64
	for h := range l.Model.Heads {
		n := len(mapped[h][0])
		s, z := make([]float64, n*d), make([]float64, n)
		for j := l.Mixer.Int("sinks"); j < len(keys)-w; j++ {
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
		n := l.Mixer.Int("sinks")
		state = append(state, l.withSinks(keys, n, w), l.withSinks(values, n, w))
	}
	return state
}

package oracle

import (
	"math"
	"slices"
)

// delta is DeltaNet, token by token: S ← S + β k (v − Sᵀk)ᵀ, o = Sᵀ q/√D.
//
// Source: Yang et al. 2024, arXiv:2406.06484.
func delta(l Layer, x [][]float64) (heads, state [][]float64) {
	return l.overwrite(x, func([]float64) []float64 { return slices.Repeat([]float64{1}, l.Model.Queries()) })
}

// gatedDelta lets the state decay before each write: S ← Diag(α) S. With decay=head
// all dimensions of a head have its α.
//
// Source: Yang et al. 2024, arXiv:2412.06464; Kimi Linear, arXiv:2510.26692.
func gatedDelta(l Layer, x [][]float64) (heads, state [][]float64) {
	d := l.Model.HeadDim
	return l.overwrite(x, func(u []float64) []float64 {
		channel := l.Mixer.Text("decay") == "channel"
		var pre []float64
		if channel {
			pre = l.linear("mixer.a_proj.1", l.linear("mixer.a_proj.0", u))
		} else {
			pre = l.linear("mixer.a_proj", u)
		}
		kept := make([]float64, l.Model.Queries())
		for i := range kept {
			at := i / d
			if channel {
				at = i
			}
			step := softplus(pre[at] + l.weight("mixer.dt_bias")[at])
			kept[i] = math.Exp(-math.Exp(l.weight("mixer.A_log")[i/d]) * step)
		}
		return kept
	})
}

// overwrite runs the delta rule with the decays [H·D] that kept gives for an input.
func (l Layer) overwrite(x [][]float64, kept func(u []float64) []float64) (heads, state [][]float64) {
	m, d := l.Model, l.Model.HeadDim
	memory := make([]float64, m.Heads*d*d) // [H, D(k), D(v)]
	f := l.inputs(x)
	for t, u := range x {
		alpha, pre := kept(u), l.linear("mixer.b_proj", u)
		var y []float64
		for h := range m.Heads {
			s := memory[h*d*d : (h+1)*d*d]
			for i := range s {
				s[i] *= alpha[h*d+i/d]
			}
			beta := sigmoid(pre[h])
			if l.Mixer.Bool("allow_neg_eigval") {
				beta *= 2
			}
			k, v := l.head(f.k[t], l.group(h)), l.head(f.v[t], l.group(h))
			seen := recall(s, k)
			for i := range s {
				s[i] += beta * k[i/d] * (v[i%d] - seen[i%d])
			}
			o := recall(s, l.head(f.q[t], h))
			scaleBy(o, 1/math.Sqrt(float64(d)))
			y = append(y, o...)
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memory}, l.convState(f.conv)...)
}

// recall is sᵀ k for a state s [K, V].
func recall(s, k []float64) []float64 {
	v := len(s) / len(k)
	out := make([]float64, v)
	for i := range s {
		out[i%v] += s[i] * k[i/v]
	}
	return out
}

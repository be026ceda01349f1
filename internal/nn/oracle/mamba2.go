package oracle

import "math"

// mamba2 is the recurrence of mmMamba's Mamba-2, token by token:
// S ← exp(Δ·A) S + Δ v kᵀ, o = S q, y = RMSNorm(o) ⊙ SiLU(gate).
//
// Source: Liao et al. 2025, arXiv:2502.13145.
func mamba2(l Layer, x [][]float64) (heads, state [][]float64) {
	m, d := l.Model, l.Model.HeadDim
	memory := make([]float64, m.Heads*d*d) // [H, D(v), D(k)]
	var inputs [][]float64
	for _, u := range x {
		c := append(append(l.linear("v_proj", u), l.linear("k_proj", u)...), l.linear("q_proj", u)...)
		inputs = append(inputs, c)
		c = l.convolved(inputs)
		v, k, q := c[:m.KeyValues()], c[m.KeyValues():2*m.KeyValues()], c[2*m.KeyValues():]
		pre := apply(l.weight("mixer.dt_proj.weight"), u)
		var y []float64
		for h := range m.Heads {
			a := -1.0
			if l.Mixer.Bool("learn_a") {
				a = -math.Exp(l.weight("mixer.A_log")[h])
			}
			delta := softplus(pre[h] + l.weight("mixer.dt_bias")[h])
			o := make([]float64, d)
			for i, vi := range l.head(v, l.group(h)) {
				row := memory[(h*d+i)*d : (h*d+i+1)*d]
				for j, kj := range l.head(k, l.group(h)) {
					row[j] = math.Exp(delta*a)*row[j] + delta*vi*kj
				}
				o[i] = dot(row, l.head(q, h))
			}
			y = append(y, l.headNorm(o)...)
		}
		if l.Mixer.Bool("gate") {
			for i, z := range apply(l.weight("mixer.g_proj.weight"), u) {
				y[i] *= silu(z)
			}
		}
		heads = append(heads, y)
	}
	state = [][]float64{memory}
	if past := l.Mixer.Int("conv") - 1; past > 0 {
		state = append(state, lastRows(inputs, past))
	}
	return heads, state
}

// convolved is SiLU of the causal depthwise convolution at the newest of the
// inputs, or that input itself when there is no convolution.
func (l Layer) convolved(inputs [][]float64) []float64 {
	width, t := l.Mixer.Int("conv"), len(inputs)-1
	if width == 0 {
		return inputs[t]
	}
	out := make([]float64, len(inputs[t]))
	for c := range out {
		sum := l.weight("mixer.conv1d.bias")[c]
		for back := range min(width, t+1) {
			sum += l.weight("mixer.conv1d.weight")[c*width+width-1-back] * inputs[t-back][c]
		}
		out[c] = silu(sum)
	}
	return out
}

// headNorm is RMSNorm over one head's output, with eps 1e-5.
func (l Layer) headNorm(o []float64) []float64 {
	if !l.Mixer.Bool("norm") {
		return o
	}
	scale := 1 / math.Sqrt(dot(o, o)/float64(len(o))+1e-5)
	for i, w := range l.weight("mixer.norm.weight") {
		o[i] *= scale * w
	}
	return o
}

// lastRows joins the last n rows, oldest first, zeros standing for rows before the first.
func lastRows(rows [][]float64, n int) []float64 {
	width := len(rows[0])
	out := make([]float64, n*width)
	for i := range n {
		if t := len(rows) - n + i; t >= 0 {
			copy(out[i*width:], rows[t])
		}
	}
	return out
}

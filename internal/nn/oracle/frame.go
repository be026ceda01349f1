package oracle

import "math"

// framed are the inputs of a recurrence, for every token: queries [H·D], keys and
// values [G·D], and what went into the convolution.
type framed struct{ q, k, v, conv [][]float64 }

// inputs projects, convolves, normalises and rotates, as the mixer's switches say.
func (l Layer) inputs(x [][]float64) framed {
	var f framed
	kv := l.Model.KeyValues()
	for t, u := range x {
		f.conv = append(f.conv, append(append(l.linear("v_proj", u), l.linear("k_proj", u)...), l.linear("q_proj", u)...))
		c := l.convolved(f.conv)
		v, k, q := c[:kv], l.normed("k", c[kv:2*kv]), l.normed("q", c[2*kv:])
		if l.Mixer.Bool("rope") {
			k, q = l.rotate(k, t), l.rotate(q, t)
		}
		f.q, f.k, f.v = append(f.q, q), append(f.k, k), append(f.v, v)
	}
	return f
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
		var sum float64
		if l.Mixer.Bool("conv_bias") {
			sum = l.weight("mixer.conv1d.bias")[c]
		}
		for back := range min(width, t+1) {
			sum += l.weight("mixer.conv1d.weight")[c*width+width-1-back] * inputs[t-back][c]
		}
		out[c] = silu(sum)
	}
	return out
}

// convState is what the convolution carries on, nothing when it has no past.
func (l Layer) convState(inputs [][]float64) [][]float64 {
	if past := l.Mixer.Int("conv") - 1; past > 0 {
		return [][]float64{lastRows(inputs, past)}
	}
	return nil
}

// normed applies qk_norm to each head of queries or keys.
func (l Layer) normed(which string, u []float64) []float64 {
	out := append([]float64(nil), u...)
	d := l.Model.HeadDim
	for at := 0; at < len(u); at += d {
		part := out[at : at+d]
		switch square := dot(part, part); l.Mixer.Text("qk_norm") {
		case "l2":
			scaleBy(part, 1/math.Sqrt(square+1e-6))
		case "rms":
			rms(part, l.weight("mixer."+which+"_norm.weight"), l.Model.NormEps)
		}
	}
	return out
}

// outputs normalises and gates one token's heads y [H·D], given the layer's input.
func (l Layer) outputs(u, y []float64) []float64 {
	if l.Mixer.Text("norm") == "before" {
		l.outputNorm(y)
	}
	if kind := l.Mixer.Text("gate"); kind != "none" {
		var z []float64
		if l.Mixer.Int("gate_rank") > 0 {
			z = apply(l.weight("mixer.g_proj.1.weight"), apply(l.weight("mixer.g_proj.0.weight"), u))
		} else {
			z = apply(l.weight("mixer.g_proj.weight"), u)
		}
		for i := range y {
			if kind == "silu" {
				y[i] *= silu(z[i])
			} else {
				y[i] *= sigmoid(z[i])
			}
		}
	}
	if l.Mixer.Text("norm") == "after" {
		l.outputNorm(y)
	}
	return y
}

func (l Layer) outputNorm(y []float64) {
	weight, width := l.weight("mixer.norm.weight"), l.Model.HeadDim
	if l.Mixer.Text("norm_width") == "full" {
		width = len(y)
	}
	for at := 0; at < len(y); at += width {
		rms(y[at:at+width], weight, l.Model.NormEps)
	}
}

// rms divides v by its root mean square and multiplies it by weight, in place.
func rms(v, weight []float64, eps float64) {
	scaleBy(v, 1/math.Sqrt(dot(v, v)/float64(len(v))+eps))
	for i := range v {
		v[i] *= weight[i]
	}
}

func scaleBy(v []float64, by float64) {
	for i := range v {
		v[i] *= by
	}
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

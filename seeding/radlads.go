package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// radlads seeds rwkv7:
//
//	w_proj.0.weight  [r, d]    0: the decay does not depend on the input yet
//	w_proj.1.weight  [H·D, r]  orthogonal, times 0.1
//	w_proj.1.bias    [H·D]     −6.5 + 5·(n/(H·D−1))^(0.85+√(i/(L−1))) for channel n of layer i
//	a_proj.0.weight  [r, d]    0
//	a_proj.1.weight  [H·D, r]  orthogonal, times 0.1
//	a_proj.1.bias    [H·D]     0: learning rates of ½
//	k_k, k_a         [H·D]     0.85 and 1
//	r_k              [H·D]     0
//	g_proj.weight    [H·D, d]  0: the gate is ½ everywhere
//	g_proj.0.weight  [r, d]    0, and g_proj.1.weight orthogonal, times 0.1
//
// and the rest as in [frame]. H is the number of heads, D the head dimension, d the
// model width, r a rank, L the number of layers.
//
// Source: arXiv:2505.03005 and its released code (TMix_qwen2rwkv7.reset_parameters).
func radlads(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch w.Name {
	case "mixer.w_proj.1.bias":
		bend := 0.85 + math.Sqrt(float64(l.Index)/float64(max(1, l.Model.Layers-1)))
		return fill(n, func(i int) float64 {
			return -6.5 + 5*math.Pow(float64(i)/float64(max(1, n-1)), bend)
		}), true
	case "mixer.w_proj.1.weight", "mixer.a_proj.1.weight", "mixer.g_proj.1.weight":
		return orthogonal(l.stream(w.Name), w.Shape, 0.1), true
	case "mixer.w_proj.0.weight", "mixer.a_proj.0.weight", "mixer.a_proj.1.bias", "mixer.r_k",
		"mixer.g_proj.weight", "mixer.g_proj.0.weight":
		return constant(n, 0), true
	case "mixer.k_k":
		return constant(n, 0.85), true
	case "mixer.k_a":
		return constant(n, 1), true
	}
	return frame(l, w)
}

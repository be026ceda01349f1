package seeding

import (
	"math"
	"math/rand/v2"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// mmMamba seeds mamba2 so that it mimics linear attention:
//
//	conv1d.weight   [C, 1, K]  0, last tap 1: only the present token passes
//	conv1d.bias     [C]        0
//	dt_proj.weight  [H, d]     0: the step size does not depend on the input yet
//	dt_bias         [H]        softplus⁻¹(Δ₀), Δ₀ log-uniform in [1e-3, 0.1]
//	A_log           [H]        1, so A = -e and a step decays by exp(-e·Δ₀), 0.762 to 0.997
//	g_proj.weight   [H·D, d]   xavier uniform with gain 2^-2.5
//	norm.weight     [D]        1
//
// H is the number of query heads, D the head dimension, d the model width, C the
// convolved channels, K the taps.
//
// Source: arXiv:2502.13145, section 3.2, and the released code (mimic_init).
func mmMamba(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch w.Name {
	case "mixer.conv1d.weight":
		taps := w.Shape[2]
		return fill(n, func(i int) float64 {
			if i%taps == taps-1 {
				return 1
			}
			return 0
		}), true
	case "mixer.conv1d.bias", "mixer.dt_proj.weight":
		return constant(n, 0), true
	case "mixer.dt_bias":
		return timeScales(l.stream(w.Name), n), true
	case "mixer.A_log", "mixer.norm.weight":
		return constant(n, 1), true
	case "mixer.g_proj.weight":
		return uniform(l.stream(w.Name), n, xavier(w.Shape, math.Exp2(-2.5))), true
	}
	return nil, false
}

// timeScales draws dt_bias. Each head's Δ₀ is log-uniform in [1e-3, 0.1], as
// published, and each head draws from a part of that range of its own, in an order
// of its own: with eight heads a layer, independent draws often leave a layer
// without a slow or without a fast head.
func timeScales(r *rand.Rand, heads int) []float32 {
	const least, most = 1e-3, 0.1
	part := r.Perm(heads)
	return fill(heads, func(h int) float64 {
		at := (float64(part[h]) + r.Float64()) / float64(heads)
		return inverseSoftplus(max(least*math.Exp(at*math.Log(most/least)), least))
	})
}

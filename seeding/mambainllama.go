package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// mambaInLlama seeds mamba2 as Mamba-2 itself is, around the inherited projections
// (C from q, B from k, x from v):
//
//	conv1d.weight, .bias  U(±1/√K), torch's default of a depthwise Conv1d
//	dt_proj.weight        U(±1/√d), torch's default of a Linear
//	dt_bias      [H]      softplus⁻¹(Δ₀), Δ₀ log-uniform in [1e-3, 0.1], spread as in [timeScales]
//	A_log        [H]      ln U(1, 16)
//	D            [H]      1
//	g_proj                U(±1/√d), torch's default of a Linear, both factors of a low-rank one
//
// and the rest as in [mmMamba], which also says what decay=sigmoid starts with. H is the
// number of query heads, d the model width, K the taps. The published layer has the
// switches conv=4, skip, norm=after.
//
// Source: Wang et al. 2024, arXiv:2408.15237, and its released code.
func mambaInLlama(l Layer, w arch.Weight) ([]float32, bool) {
	n, r := elements(w.Shape), l.stream(w.Name)
	switch w.Name {
	case "mixer.conv1d.weight", "mixer.conv1d.bias":
		return uniform(r, n, 1/math.Sqrt(float64(l.Mixer.Int("conv")))), true
	case "mixer.dt_proj.weight", "mixer.g_proj.weight", "mixer.g_proj.0.weight", "mixer.g_proj.1.weight":
		return linear(r, w.Shape), true
	case "mixer.A_log":
		return fill(n, func(int) float64 { return math.Log(1 + 15*r.Float64()) }), true
	case "mixer.D":
		return constant(n, 1), true
	}
	return mmMamba(l, w)
}

package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// mmMamba seeds mamba2 so that it mimics linear attention:
//
//	dt_proj.weight  [H, d]     0: the step size does not depend on the input yet
//	dt_bias         [H]        softplus⁻¹(Δ₀), Δ₀ log-uniform in [1e-3, 0.1]
//	A_log           [H]        1, so A = -e and a step decays by exp(-e·Δ₀), 0.762 to 0.997
//	D               [H]        0: no skip yet
//
// and the rest as in [frame], which is its own start. With decay=sigmoid the bias is
// softplus⁻¹(e·Δ₀), for the same decays. H is the number of query heads, d the model
// width.
//
// Source: arXiv:2502.13145, section 3.2, and the released code (mimic_init), which
// has neither D nor that decay.
func mmMamba(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch w.Name {
	case "mixer.dt_proj.weight", "mixer.D":
		return constant(n, 0), true
	case "mixer.dt_bias":
		bias := timeScales(l.stream(w.Name), n)
		if l.Mixer.Text("decay") == "sigmoid" {
			for i, b := range bias {
				bias[i] = float32(inverseSoftplus(math.E * math.Log1p(math.Exp(float64(b)))))
			}
		}
		return bias, true
	case "mixer.A_log":
		return constant(n, 1), true
	}
	return frame(l, w)
}

// timeScales draws dt_bias. Each head's Δ₀ is log-uniform in [1e-3, 0.1], as
// published, and each head draws from a part of that range of its own, in an order
// of its own: with eight heads a layer, independent draws often leave a layer
// without a slow or without a fast head.
func timeScales(r stream, heads int) []float32 {
	const least, most = 1e-3, 0.1
	part := r.Perm(heads)
	return fill(heads, func(h int) float64 {
		at := (float64(part[h]) + r.Float64()) / float64(heads)
		return inverseSoftplus(max(least*math.Exp(at*math.Log(most/least)), least))
	})
}

package seeding

import "github.com/seed-1411d8c0/linearize/internal/arch"

// deltaNet seeds delta and gated-delta:
//
//	b_proj.weight    [H, d]    0: β is ½ for every token
//	b_proj.bias      [H]       0
//	a_proj.weight    [H, d]    0: the decay does not depend on the input yet
//	a_proj.0.weight  [r, d]    U(±1/√d), torch's default of a Linear
//	a_proj.1.weight  [H·D, r]  0
//	A_log            [H]       0
//	dt_bias          [H]       softplus⁻¹(Δ₀), so that a token decays by exp(−Δ₀)
//	dt_bias          [H·D]     the same, a Δ₀ for each key dimension of a head
//
// and the rest as in [frame]. H is the number of query heads, D the head dimension, d
// the model width. Δ₀ is spread over the heads as in [timeScales].
//
// Source: A_log and W_a as in Taylor-Calibrate, arXiv:2606.16429, which sets each
// Δ₀ from how far back the teacher's head looks; without data to look at, the heads
// share out the range of the published random start, arXiv:2412.06464.
func deltaNet(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch w.Name {
	case "mixer.b_proj.weight", "mixer.b_proj.bias", "mixer.a_proj.weight", "mixer.a_proj.1.weight", "mixer.A_log":
		return constant(n, 0), true
	case "mixer.a_proj.0.weight":
		return linear(l.stream(w.Name), w.Shape), true
	case "mixer.dt_bias":
		return timeScales(l.stream(w.Name), n), true
	}
	return frame(l, w)
}

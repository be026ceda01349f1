package seeding

import (
	"math"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// scratch draws everything anew, to show what inheriting is worth:
//
//	q, k, v, o_proj.weight  N(0, InitStd²), biases 0: as the teacher itself began
//	B, C_proj.weight        the same, in mamba2
//	feature_map_q           U(±√(6/(D·F))), torch's kaiming_uniform_ of an [H, D, F] tensor
//	feature_map_k           the values of feature_map_q; tied maps likewise, biases 0
//	window_factors          0, so γ = 0.5
//	conv1d                  U(±1/√K), weight and bias, torch's default of a depthwise Conv1d
//	dt_proj.weight          U(±1/√d), torch's default of a Linear
//	a_proj, b_proj          the same, in gated-delta, delta and mom; b_proj.bias 0
//	router                  as [mixtureOfMemories]: the published start
//	dt_bias                 0; of gated-delta and mom as [deltaNet] draws it
//	A_log                   ln U(1, 16)
//	D                       1
//	log_rate, gk_proj       as [halo] and [liger], which draw them in just that way
//	all new ones of rwkv7   as [radlads], which is RWKV-7's own start
//	g_proj and norms        as [frame]: the released code has no other start for them
//
// Source: the released code of LoLCATs, mmMamba and fla's GatedDeltaNet without what
// it inherits.
func scratch(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	r := l.stream(w.Name)
	if w.Name == "mixer.router.weight" {
		return mixtureOfMemories(l, w)
	}
	if l.Mixer.Name == "mom" {
		l.Mixer = l.Mixer.Inner()
	}
	if l.Mixer.Name == "rwkv7" && strings.HasPrefix(w.Name, "mixer.") {
		return radlads(l, w)
	}
	switch {
	case featureMap(w, "weight"):
		r = l.stream("mixer.feature_map")
		return uniform(r, n, math.Sqrt(6/float64(w.Shape[1]*w.Shape[2]))), true
	case featureMap(w, "bias"):
		return constant(n, 0), true
	}
	switch w.Name {
	case "mixer.dt_bias":
		if l.Mixer.Name == "gated-delta" {
			return deltaNet(l, w)
		}
		return constant(n, 0), true
	case "mixer.b_proj.bias":
		return constant(n, 0), true
	case "mixer.window_factors":
		return constant(n, 0), true
	case "mixer.conv1d.weight", "mixer.conv1d.bias":
		return uniform(r, n, 1/math.Sqrt(float64(l.Mixer.Int("conv")))), true
	case "mixer.dt_proj.weight", "mixer.b_proj.weight", "mixer.a_proj.weight", "mixer.a_proj.0.weight", "mixer.a_proj.1.weight":
		return uniform(r, n, 1/math.Sqrt(float64(w.Shape[1]))), true
	case "mixer.B_proj.weight", "mixer.C_proj.weight":
		return normal(r, n, l.InitStd), true
	case "mixer.D":
		return constant(n, 1), true
	case "mixer.log_rate":
		return halo(l, w)
	case "mixer.gk_proj.0.weight", "mixer.gk_proj.1.weight", "mixer.gk_proj.1.bias":
		return liger(l, w)
	case "mixer.A_log":
		return fill(n, func(int) float64 { return math.Log(1 + 15*r.Float64()) }), true
	}
	switch {
	case strings.HasPrefix(w.Name, "mixer."):
		return frame(l, w)
	case strings.HasSuffix(w.Name, ".bias"):
		return constant(n, 0), true
	}
	return normal(r, n, l.InitStd), true
}

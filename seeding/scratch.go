package seeding

import (
	"math"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// scratch draws everything anew, to show what inheriting is worth:
//
//	q, k, v, o_proj.weight  N(0, InitStd²), biases 0: as the teacher itself began
//	feature_map_q           U(±√(6/(D·F))), torch's kaiming_uniform_ of an [H, D, F] tensor
//	feature_map_k           the values of feature_map_q
//	window_factors          0, so γ = 0.5
//	conv1d                  U(±1/√K), weight and bias, torch's default of a depthwise Conv1d
//	dt_proj.weight          U(±1/√d), torch's default of a Linear
//	dt_bias                 0
//	A_log                   ln U(1, 16)
//	g_proj, norm            as mmmamba: the released code has no other start for them
//
// Source: the released code of LoLCATs and mmMamba with their seeding switched off.
func scratch(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	r := l.stream(w.Name)
	switch w.Name {
	case "mixer.feature_map_q.weight", "mixer.feature_map_k.weight":
		r = l.stream("mixer.feature_map")
		return uniform(r, n, math.Sqrt(6/float64(w.Shape[1]*w.Shape[2]))), true
	case "mixer.window_factors", "mixer.dt_bias":
		return constant(n, 0), true
	case "mixer.conv1d.weight", "mixer.conv1d.bias":
		return uniform(r, n, 1/math.Sqrt(float64(l.Mixer.Int("conv")))), true
	case "mixer.dt_proj.weight":
		return uniform(r, n, 1/math.Sqrt(float64(w.Shape[1]))), true
	case "mixer.A_log":
		return fill(n, func(int) float64 { return math.Log(1 + 15*r.Float64()) }), true
	case "mixer.g_proj.weight", "mixer.norm.weight":
		return mmMamba(l, w)
	}
	switch {
	case strings.HasPrefix(w.Name, "mixer."):
		return nil, false
	case strings.HasSuffix(w.Name, ".bias"):
		return constant(n, 0), true
	}
	return normal(r, n, l.InitStd), true
}

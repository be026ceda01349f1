package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// frame seeds what mixers share around their recurrence so that it changes as
// little as it can:
//
//	conv1d.weight          [C, 1, K]  0, last tap 1: only the present token passes
//	conv1d.bias            [C]        0
//	q_norm, k_norm.weight  [D]        1
//	norm.weight                       1
//	g_proj.weight          [H·D, d]   xavier uniform with gain 2^-2.5; both factors of a low-rank one
//
// H is the number of query heads, D the head dimension, d the model width, C the
// convolved channels, K the taps.
//
// Source: the released code of mmMamba (mimic_init), arXiv:2502.13145.
func frame(l Layer, w arch.Weight) ([]float32, bool) {
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
	case "mixer.conv1d.bias":
		return constant(n, 0), true
	case "mixer.q_norm.weight", "mixer.k_norm.weight", "mixer.norm.weight":
		return constant(n, 1), true
	case "mixer.g_proj.weight", "mixer.g_proj.0.weight", "mixer.g_proj.1.weight":
		return uniform(l.stream(w.Name), n, xavier(w.Shape, math.Exp2(-2.5))), true
	}
	return nil, false
}

package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// lolcats seeds hedgehog:
//
//	feature_map_q, feature_map_k  [H, D, F]  eye(D, F) for every head
//	window_factors                [H]        logit(0.1) = -2.1972, so that γ = sigmoid(·) = 0.1
//
// H is the number of query heads, D the head dimension, F the columns of a map.
// With F < D the last D-F dimensions of a head are not seen, with F > D the last
// F-D columns are zero and learn from there.
//
// Source: arXiv:2410.10254, section 3; the released code's configs
// (init_window_factor, --lk_zero_init).
func lolcats(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch w.Name {
	case "mixer.feature_map_q.weight", "mixer.feature_map_k.weight":
		d, f := w.Shape[1], w.Shape[2]
		return fill(n, func(i int) float64 {
			if row, column := i/f%d, i%f; row == column {
				return 1
			}
			return 0
		}), true
	case "mixer.window_factors":
		const γ = 0.1
		return constant(n, math.Log(γ/(1-γ))), true
	}
	return frame(l, w)
}

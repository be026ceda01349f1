package seeding

import (
	"math"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// lolcats seeds hedgehog:
//
//	feature_map.weight      [H, D, F]  eye(D, F) for every head
//	feature_map.bias        [H, F]     0
//	window_factors          [H]        logit(0.1) = -2.1972, so that γ = sigmoid(·) = 0.1
//	the frame's             as [frame] has them
//
// The first two are feature_map_q and feature_map_k unless they are tied. H is the
// number of query heads, D the head dimension, F the columns of a map. With F < D the
// last D-F dimensions of a head are not seen. With F > D the last F-D columns are zero
// and learn from there; but those of a relu map, which at zero has no gradient, go on
// with -eye and eye in turn.
//
// T2R draws its maps at random and 1+elu has none; identity serves them as it does the
// others: queries and keys that agree for the teacher agree here.
//
// Source: arXiv:2410.10254, section 3; the released code's configs
// (init_window_factor, --lk_zero_init).
func lolcats(l Layer, w arch.Weight) ([]float32, bool) {
	n := elements(w.Shape)
	switch {
	case featureMap(w, "weight"):
		d, f := w.Shape[1], w.Shape[2]
		turns := l.Mixer.Text("feature_map") == "relu"
		return fill(n, func(i int) float64 {
			row, column := i/f%d, i%f
			switch {
			case row != column%d || column >= d && !turns:
				return 0
			case column/d%2 == 1:
				return -1
			}
			return 1
		}), true
	case featureMap(w, "bias"):
		return constant(n, 0), true
	case w.Name == "mixer.window_factors":
		const γ = 0.1
		return constant(n, math.Log(γ/(1-γ))), true
	}
	return frame(l, w)
}

// featureMap reports whether a tensor is the weight or the bias of a feature map: that
// of queries, of keys, or of both.
func featureMap(w arch.Weight, part string) bool {
	switch strings.TrimSuffix(w.Name, "."+part) {
	case "mixer.feature_map_q", "mixer.feature_map_k", "mixer.feature_map":
		return true
	}
	return false
}

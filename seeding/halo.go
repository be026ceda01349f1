package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// halo seeds lightning. The projections and the rotation are inherited, the decays
// are no tensors unless they are learnt:
//
//	log_rate  [H]  ln 2^(−8(h+1)/H): λ_h = exp(−2^(−8(h+1)/H)), as with decay=slopes
//
// and the rest as in [frame]; HALO draws its gate at random, too. H is the number of
// query heads.
//
// Source: HALO 2026, arXiv:2601.22156; slopes: Lightning Attention-2, arXiv:2401.04658.
func halo(l Layer, w arch.Weight) ([]float32, bool) {
	if w.Name == "mixer.log_rate" {
		heads := elements(w.Shape)
		return fill(heads, func(h int) float64 { return -8 * float64(h+1) / float64(heads) * math.Ln2 }), true
	}
	return frame(l, w)
}

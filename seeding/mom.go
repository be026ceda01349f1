package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// mixtureOfMemories seeds mom:
//
//	router.weight  [M, d]  xavier uniform with gain 2^-2.5
//
// and the rest as the inner mixer: as in [deltaNet] or [liger]. M is the number of
// memories that tokens are routed to, d the model width.
//
// The shared memory then holds what the inner mixer alone would, so that the layer
// starts as that, and the memories beside it what it would have seen of their tokens:
// they have the same projections and differ by the router alone. It is drawn at random
// since rows that are alike would send every token to the same memories; small, so
// that a token's memories weigh about the same. Without a shared memory a layer starts
// further from the teacher: a query finds only what was written to its own memories.
//
// Source: the router as fla's MomAttention draws it; MoM, Du et al. 2025,
// arXiv:2502.13685, trains from the start and inherits nothing.
func mixtureOfMemories(l Layer, w arch.Weight) ([]float32, bool) {
	if w.Name == "mixer.router.weight" {
		return uniform(l.stream(w.Name), elements(w.Shape), xavier(w.Shape, math.Exp2(-2.5))), true
	}
	l.Mixer = l.Mixer.Inner()
	if l.Mixer.Name == "gla" {
		return liger(l, w)
	}
	return deltaNet(l, w)
}

package seeding

import (
	"math"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// liger seeds gla. Everything is the teacher's, the key being the gate; a gate from
// the input starts as that of GLA, a decay of about σ(0)^(1/normaliser) = 0.96:
//
//	gk_proj.0.weight  [r, d]            U(±1/√d), torch's default of a Linear
//	gk_proj.1.weight  [H·D, r], [H, r]  U(±1/√r)
//	gk_proj.1.bias    [H·D], [H]        U(±1/√r)
//
// and the rest as in [frame]. H is the number of query heads, D the head dimension, d
// the model width, r the rank.
//
// Source: Liger, Lan et al. 2025, arXiv:2503.01496; the gate: GLA, arXiv:2312.06635,
// as flash-linear-attention builds it.
func liger(l Layer, w arch.Weight) ([]float32, bool) {
	switch w.Name {
	case "mixer.gk_proj.0.weight", "mixer.gk_proj.1.weight":
		return linear(l.stream(w.Name), w.Shape), true
	case "mixer.gk_proj.1.bias":
		return uniform(l.stream(w.Name), elements(w.Shape), 1/math.Sqrt(float64(l.Mixer.Int("decay_rank")))), true
	}
	return frame(l, w)
}

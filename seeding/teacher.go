package seeding

import "github.com/seed-1411d8c0/linearize/internal/arch"

// teacher seeds what softmax attention can have beyond the teacher's own, so that
// each addition begins as close to nothing as it can:
//
//	sink_logits            [H]  -8: beside a key of score 0 the sink takes exp(-8), 0.03%, of the
//	                            weight; much lower and no gradient would reach it
//	q_norm, k_norm.weight  [D]  1
//
// H is the number of query heads, D the head dimension.
//
// Source: none; the released models with sinks (gpt-oss) learnt them from the start.
func teacher(l Layer, w arch.Weight) ([]float32, bool) {
	if w.Name == "mixer.sink_logits" {
		return constant(elements(w.Shape), -8), true
	}
	return frame(l, w)
}

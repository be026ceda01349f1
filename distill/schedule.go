package distill

import (
	"math"

	"github.com/seed-1411d8c0/linearize/recipes"
)

// scale is the factor of the peak learning rate at a step, counted from 0.
//
//	warmup    (step+1) / warmup_steps, on top of what follows
//	cosine    from 1 to floor over all steps
//	linear    from 1 to floor over the steps after the warmup
//	wsd       1, then linearly to floor over the last decay_steps
//	constant  1
//
// Cosine is that of the published reference: the warmup multiplies it, and it
// runs from the first step on.
func scale(k recipes.Knobs, step, steps int) float64 {
	factor := 1.0
	switch k.Schedule {
	case "cosine":
		factor = k.Floor + (1-k.Floor)*0.5*(1+math.Cos(math.Pi*float64(step)/float64(steps)))
	case "linear":
		factor = decay(k.Floor, step-k.WarmupSteps, steps-k.WarmupSteps)
	case "wsd":
		factor = decay(k.Floor, step-(steps-k.DecaySteps), k.DecaySteps)
	}
	if step < k.WarmupSteps {
		factor *= float64(step+1) / float64(k.WarmupSteps)
	}
	return factor
}

// decay falls from 1 at 0 to floor at span, and is 1 before.
func decay(floor float64, at, span int) float64 {
	if at <= 0 || span <= 0 {
		return 1
	}
	return 1 - (1-floor)*float64(at)/float64(span)
}

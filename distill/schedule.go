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
//	plateau   1, and what [plateau] makes of it
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

// rates are the learning rates of a step, one for each of rateGroups, and the factor of
// the schedule that is in them. Losses are those of the evaluations before.
func (s Stage) rates(step int, losses []float64) (factor float64, rates []float64) {
	factor = scale(s.Knobs, step, s.Steps)
	if s.Schedule == "plateau" {
		factor *= plateau(s.Knobs, losses)
	}
	for _, name := range rateGroups {
		rates = append(rates, factor*s.Rate(name))
	}
	return factor, rates
}

// losses are those on data.eval in a stage, up to a number of steps done. They are in
// the record, so that a run that goes on finds those that an uninterrupted one had.
func (s *session) losses(stage Stage, steps int) []float64 {
	if stage.Schedule != "plateau" {
		return nil
	}
	var all []float64
	for _, e := range s.evals {
		if e.Stage == stage.label() && e.Model == "student" && e.Step <= steps {
			all = append(all, e.Nats)
		}
	}
	return all
}

// better is how much less than the best loss counts as an improvement, as a fraction of
// it. It is torch's threshold.
const better = 1e-4

// plateau is the factor of the peak learning rate after evaluations: after more than
// patience in a row that are no better than the best one it falls by factor, not below
// floor, and counts anew.
//
// It is ReduceLROnPlateau of torch, in its mode min with a relative threshold.
func plateau(k recipes.Knobs, losses []float64) float64 {
	rate, best, worse := 1.0, math.Inf(1), 0
	for _, loss := range losses {
		if loss < best*(1-better) {
			best, worse = loss, 0
			continue
		}
		if worse++; worse > k.Patience {
			rate, worse = max(rate*k.Factor, k.Floor), 0
		}
	}
	return rate
}

// decay falls from 1 at 0 to floor at span, and is 1 before.
func decay(floor float64, at, span int) float64 {
	if at <= 0 || span <= 0 {
		return 1
	}
	return 1 - (1-floor)*float64(at)/float64(span)
}

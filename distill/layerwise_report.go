package distill

import (
	"fmt"
	"math"
	"time"
)

// tokens is how many are predicted in so many steps.
func (w *layerwise) tokens(steps int) int64 {
	return w.plan.tokens(w.stage, steps)
}

// speed leaves out the first step, which compiles.
func speed(perStep int64, seconds []float64) float64 {
	sum := 0.0
	for _, x := range seconds[min(1, len(seconds)):] {
		sum += x
	}
	if sum == 0 {
		return 0
	}
	return float64(perStep*int64(len(seconds)-1)) / sum
}

// report turns the layers' curves into the record of one stage.
func (w *layerwise) report() error {
	spent := 0.0 // as of a stage that trains all layers in each step
	for step := w.from; step < w.stage.Steps; step++ {
		done := step + 1
		factor, _ := w.asOf(step).rates(step, nil)
		e := Event{
			Event: "step", Stage: w.stage.label(), Step: done, Parts: map[string]float64{},
			LearningRate: factor * w.stage.LearningRate, Tokens: w.tokens(done),
		}
		squares := 0.0
		for _, layer := range w.stage.Aligned {
			c := w.curves[layer]
			at := step - c.From
			e.Loss += c.Loss[at]
			for name, x := range c.at(step, layer) {
				e.Parts[name] += x // each layer has its own, but for the penalty
			}
			squares += c.Norm[at] * c.Norm[at]
			if at > 0 {
				spent += c.Seconds[at]
			}
		}
		e.GradNorm = math.Sqrt(squares)
		if spent > 0 {
			e.TokensPerSec = float64(w.tokens(step-w.from)) / spent
		}
		if done%w.stage.LogEvery == 0 || done == w.stage.Steps {
			if err := w.record(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// spent tells what caching is worth: an epoch that has to make the states takes both.
func (w *layerwise) spent() {
	if w.taught == 0 {
		return
	}
	epochs := float64((w.stage.Steps-w.from)*w.stage.windows()) / float64(len(w.windows))
	often := fmt.Sprintf("%.3g times", epochs)
	if epochs == 1 {
		often = "once"
	}
	fmt.Fprintf(w.env.Out, "the teacher ran once, %s; the students' steps went through the cache %s, %s\n",
		w.taught.Round(time.Millisecond), often, w.trained.Round(time.Millisecond))
}

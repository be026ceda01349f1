package distill

import (
	"math"
	"testing"

	"github.com/seed-1411d8c0/linearize/recipes"
)

func TestScale(t *testing.T) {
	cosine := func(at float64) float64 { return 0.1 + 0.9*0.5*(1+math.Cos(math.Pi*at)) }
	for _, tt := range []struct {
		knobs recipes.Knobs
		step  int
		want  float64
	}{
		{recipes.Knobs{Schedule: "constant"}, 0, 1},
		{recipes.Knobs{Schedule: "constant", WarmupSteps: 4}, 0, 0.25},
		{recipes.Knobs{Schedule: "constant", WarmupSteps: 4}, 99, 1},
		{recipes.Knobs{Schedule: "cosine", Floor: 0.1}, 0, 1},
		{recipes.Knobs{Schedule: "cosine", Floor: 0.1}, 50, cosine(0.5)},
		{recipes.Knobs{Schedule: "cosine", Floor: 0.1, WarmupSteps: 10}, 4, 0.5 * cosine(0.04)},
		{recipes.Knobs{Schedule: "cosine", Floor: 0.1}, 99, cosine(0.99)},
		{recipes.Knobs{Schedule: "linear", Floor: 0.2, WarmupSteps: 20}, 20, 1},
		{recipes.Knobs{Schedule: "linear", Floor: 0.2, WarmupSteps: 20}, 60, 0.6},
		{recipes.Knobs{Schedule: "wsd", Floor: 0.1, WarmupSteps: 10, DecaySteps: 20}, 79, 1},
		{recipes.Knobs{Schedule: "wsd", Floor: 0.1, WarmupSteps: 10, DecaySteps: 20}, 90, 0.55},
	} {
		if got := scale(tt.knobs, tt.step, 100); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%+v at step %d of 100: got %g, want %g", tt.knobs, tt.step, got, tt.want)
		}
	}
}

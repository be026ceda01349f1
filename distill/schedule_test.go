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

// The rates of torch's ReduceLROnPlateau for the same losses.
func TestPlateau(t *testing.T) {
	k := recipes.Knobs{Patience: 1, Factor: 0.1, Floor: 0.02}
	for _, tt := range []struct {
		losses []float64
		want   float64
	}{
		{nil, 1},
		{[]float64{3}, 1},
		{[]float64{3, 3}, 1},
		{[]float64{3, 3, 2.9, 2.9}, 1},
		{[]float64{3, 3, 3}, 0.1},
		{[]float64{3, 2.99990, 2.99980}, 0.1},     // within a ten-thousandth of the best
		{[]float64{3, 3, 3, 2, 2}, 0.1},           // better again: the rate stays
		{[]float64{3, 4, 5, 4, 5}, 0.02},          // the floor
		{[]float64{3, 4, 5, 4, 5, 6, 7, 8}, 0.02}, // holds
	} {
		if got := plateau(k, tt.losses); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("after %v: got %g, want %g", tt.losses, got, tt.want)
		}
	}
}

// Each part of a stage has its own probability, and each step its own draw.
func TestDropsWindow(t *testing.T) {
	s := Stage{Stage: recipes.Stage{Name: "a", WindowDropout: recipes.Probabilities{1, 0.75, 0}}, Steps: 3000}
	s.Stage.Steps = s.Steps
	var dropped [3]int
	for step := range s.Steps {
		if s.dropsWindow(7, step, 0) {
			dropped[step/1000]++
		}
	}
	if dropped[0] != 1000 || dropped[2] != 0 || dropped[1] < 700 || dropped[1] > 800 {
		t.Errorf("of 1000 steps each %v were without windows, want 1000, about 750 and 0", dropped)
	}
	same := 0
	for step := 1000; step < 2000; step++ {
		if s.dropsWindow(7, step, 0) == s.dropsWindow(7, step, 1) {
			same++
		}
	}
	if same > 700 {
		t.Errorf("the two parts of a step agree in %d of 1000, want about 625", same)
	}
}

package recipes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/recipes"
)

// A part that measures the same in another way takes the place of a default.
func TestLossDefaults(t *testing.T) {
	for _, tt := range []struct {
		stage, loss string
		want        recipes.Loss
	}{
		{"stages[0]", "{l2: 1}", recipes.Loss{L2: 1, Target: "pre_o"}},
		{"stages[0]", "{cosine: 1, target: post_o}", recipes.Loss{Cosine: 1, Target: "post_o"}},
		{"stages[0]", "{attention: 1}", recipes.Loss{Attention: 1}},
		{"stages[0]", "{mse: 1000, attention: 1}", recipes.Loss{MSE: 1000, Attention: 1, Target: "pre_o"}},
		{"stages[1]", "{reverse_kl: 1}", recipes.Loss{ReverseKL: 1, Temperature: 1}},
		{"stages[1]", "{kl: 0.5, reverse_kl: 0.5, temperature: 2}", recipes.Loss{KL: 0.5, ReverseKL: 0.5, Temperature: 2}},
	} {
		r := parse(t, tt.stage+".loss="+tt.loss)
		roundTrip(t, r)
		i := int(tt.stage[len("stages[")] - '0')
		if diff := cmp.Diff(tt.want, r.Stages[i].Loss); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.loss, diff)
		}
	}
}

func TestPlateau(t *testing.T) {
	r := parse(t, "data.eval=[{path: b.txt}]", "defaults={schedule: plateau, eval_every: 5, patience: 3, decay_steps: 2}", "stages[1].schedule=cosine")
	roundTrip(t, r)
	if s := r.Stages[0]; s.Patience != 3 || s.Factor != 0.1 {
		t.Errorf("plateau has patience %d and factor %g, want 3 as given and 0.1", s.Patience, s.Factor)
	}
	if s := r.Stages[1]; s.Patience != 0 || s.Factor != 0 || s.DecaySteps != 0 {
		t.Errorf("cosine has patience %d, factor %g and decay_steps %d of another schedule's", s.Patience, s.Factor, s.DecaySteps)
	}
}

func TestWindowDropout(t *testing.T) {
	for set, want := range map[string]recipes.Probabilities{"0.9": {0.9}, "[0.9, 0.75, 0.5]": {0.9, 0.75, 0.5}} {
		r := parse(t, "stages[1].window_dropout="+set, "stages[1].teacher_logits.top_k=16")
		roundTrip(t, r)
		if diff := cmp.Diff(want, r.Stages[1].WindowDropout); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
	}
}

package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// Tokens that do not count have no part in loss and gradient: two micro-batches with
// masks of different numbers are one batch of both, and what masked targets are does
// not matter.
func TestMask(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, ClipNorm: 1}
	whole, parts := newRig(t, o), newRig(t, o)
	rng := rand.New(rand.NewPCG(5, 0))
	for step := 1; step <= 2; step++ {
		a, b := whole.batch(2, 9, uint64(step)), whole.batch(2, 9, uint64(100+step))
		for i := range 18 {
			a.Counted = append(a.Counted, i%9 == 3)
			b.Counted = append(b.Counted, i%9 > 1)
		}
		both := train.Batch{
			B: 4, T: 9, IDs: slices.Concat(a.IDs, b.IDs), Targets: slices.Concat(a.Targets, b.Targets), Counted: slices.Concat(a.Counted, b.Counted),
		}
		want, err := whole.trainer.Step(step, []float64{1e-3}, both)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Targets {
			if !a.Counted[i] {
				a.Targets[i] = rng.Int32N(int32(whole.model.Vocab))
			}
		}
		got, err := parts.trainer.Step(step, []float64{1e-3}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-5 || math.Abs(got.Parts[0]-want.Parts[0]) > 1e-5 || math.Abs(got.GradNorm-want.GradNorm) > 1e-4*want.GradNorm {
			t.Errorf("step %d: got loss %g norm %g, want %g and %g", step, got.Loss, got.GradNorm, want.Loss, want.GradNorm)
		}
	}
	a, b := whole.batch(2, 9, 7), whole.batch(2, 9, 8)
	a.Counted = make([]bool, 18)
	for want, batches := range map[string][]train.Batch{
		"no token counts for the loss":                {a},
		"got batches with and without a loss mask":    {a, b},
		"step 3: got batches with and without a loss": {b, a},
	} {
		if _, err := whole.trainer.Step(3, []float64{1e-3}, batches...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Step() is %v, want %q", err, want)
		}
	}
}

// A mask of every token is none, in every kind of objective.
func TestFullMask(t *testing.T) {
	for name, objective := range map[string]train.Objective{
		"align": {MSE: 10}, "align post_o": {MSE: 10, Target: nn.PostO}, "distill": {KL: 1, CE: 0.5, Temperature: 2},
	} {
		var losses [2]train.Metrics
		for i := range losses {
			r := newPair(t, objective)
			b := r.batch(2, 20, 4)
			if i == 1 {
				b.Counted = slices.Repeat([]bool{true}, 40)
			}
			var err error
			if losses[i], err = r.trainer.Step(1, []float64{1e-3}, b); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := losses[0], losses[1]; a.Loss == 0 || math.Abs(a.Loss-b.Loss) > 1e-5*a.Loss || math.Abs(a.GradNorm-b.GradNorm) > 1e-4*a.GradNorm {
			t.Errorf("%s: without a mask loss %g norm %g, with one of all %g and %g", name, a.Loss, a.GradNorm, b.Loss, b.GradNorm)
		}
	}
}

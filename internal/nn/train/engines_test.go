package train_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// What other engines make of training is what go makes of it: the losses of three steps
// to 1e-5 of themselves, and the norms of the first step's gradients to 1e-4. xla:cpu and
// xla:cuda stay below 1e-6 and 3e-6; products with the ten bits of TF32 would not.
func TestAgainstGo(t *testing.T) {
	if enginetest.Name() == engine.Default {
		t.Skip("this is engine go")
	}
	plain, err := engine.Open(engine.Default)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Finalize()
	for _, tt := range []struct {
		name      string
		mixers    [2]string
		objective train.Objective
	}{
		{"align", [2]string{"gla", "mamba2"}, train.Objective{MSE: 10, Target: nn.PostO}},
		{"distill", [2]string{"gated-delta", "softmax"}, train.Objective{KL: 1, CE: 0.5, Temperature: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := func(b compute.Backend) (all []train.Metrics) {
				r := newPairOn(t, b, tt.mixers, tt.objective, nil)
				for step := 1; step <= 3; step++ {
					m, err := r.trainer.Step(step, []float64{1e-3}, r.batch(4, 70, uint64(step)))
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, m)
				}
				if err := r.trainer.Close(); err != nil {
					t.Error(err)
				}
				return all
			}
			want, got := run(plain), run(enginetest.Open(t))
			for i := range want {
				gap := math.Abs(got[i].Loss-want[i].Loss) / want[i].Loss
				worst := 0.0
				for k, square := range want[i].Squares {
					worst = max(worst, math.Abs(math.Sqrt(got[i].Squares[k])-math.Sqrt(square))/max(math.Sqrt(square), 1e-6))
				}
				t.Logf("step %d: loss %.9g, %.2g of it from go's; gradients' norms %.2g from go's at most", i+1, got[i].Loss, gap, worst)
				// After that, Adam's steps have the sign of gradients that may be next to nothing.
				if !(gap <= 1e-5) || i == 0 && !(worst <= 1e-4) {
					t.Errorf("step %d: loss %g, want %g; gradients' norms differ by %g", i+1, got[i].Loss, want[i].Loss, worst)
				}
			}
		})
	}
}

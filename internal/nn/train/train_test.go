package train_test

import (
	"math"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// The graph's AdamW against the formula in plain float64, over several steps with
// changing rates. The gradient of a step is recovered from the first moment.
func TestAdamW(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 0.5}
	r := newRig(t, o)
	names := r.params.Names()
	p := map[string][]float64{}
	m, v := map[string][]float64{}, map[string][]float64{}
	for name, data := range r.values(t) {
		m[name], v[name] = make([]float64, len(data)), make([]float64, len(data))
		for _, x := range data {
			p[name] = append(p[name], float64(x))
		}
	}
	for step := 1; step <= 3; step++ {
		rate := 1e-2 / float64(step)
		before, err := r.trainer.Step(step, []float64{rate}, r.batch(2, 7, uint64(step)))
		if err != nil {
			t.Fatal(err)
		}
		clip := min(1, o.ClipNorm/(before.GradNorm+1e-6))
		if clip == 1 {
			t.Fatalf("gradient norm %g does not clip: the test shows nothing", before.GradNorm)
		}
		var clipped float64
		got := r.values(t)
		for i, name := range names {
			first, _, err := r.trainer.Moments(i)
			if err != nil {
				t.Fatal(err)
			}
			for j := range first {
				g := (float64(first[j]) - o.Beta1*m[name][j]) / (1 - o.Beta1)
				clipped += g * g
				m[name][j] = float64(first[j])
				v[name][j] = o.Beta2*v[name][j] + (1-o.Beta2)*g*g
				update := m[name][j] / (1 - math.Pow(o.Beta1, float64(step))) /
					(math.Sqrt(v[name][j]/(1-math.Pow(o.Beta2, float64(step)))) + o.Eps)
				if strings.HasSuffix(name, "norm.weight") { // vectors do not decay
					p[name][j] -= rate * update
				} else {
					p[name][j] -= rate * (update + o.WeightDecay*p[name][j])
				}
				if d := math.Abs(p[name][j] - float64(got[name][j])); d > 2e-4*rate+1e-6 {
					t.Fatalf("step %d, %s[%d]: got %g, want %g", step, name, j, got[name][j], p[name][j])
				}
			}
		}
		if d := math.Abs(math.Sqrt(clipped) - o.ClipNorm); d > 1e-3 {
			t.Errorf("step %d: clipped gradient has norm %g, want %g", step, math.Sqrt(clipped), o.ClipNorm)
		}
	}
}

// Two micro-batches are one batch of both: the same loss, the same step.
func TestAccumulation(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, ClipNorm: 1}
	whole, parts := newRig(t, o), newRig(t, o)
	for step := 1; step <= 2; step++ {
		a, b := whole.batch(2, 9, uint64(step)), whole.batch(2, 9, uint64(100+step))
		both := train.Batch{B: 4, T: 9, IDs: append(append([]int32{}, a.IDs...), b.IDs...), Targets: append(append([]int32{}, a.Targets...), b.Targets...)}
		want, err := whole.trainer.Step(step, []float64{1e-3}, both)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parts.trainer.Step(step, []float64{1e-3}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-5 || math.Abs(got.GradNorm-want.GradNorm) > 1e-4*want.GradNorm {
			t.Errorf("step %d: got loss %g norm %g, want %g and %g", step, got.Loss, got.GradNorm, want.Loss, want.GradNorm)
		}
	}
	want := whole.values(t)
	for name, data := range parts.values(t) {
		for i := range data {
			// Adam divides by the root of the second moment: where a gradient is
			// nearly zero its rounding error decides the sign of a whole step.
			if d := math.Abs(float64(data[i] - want[name][i])); d > 4e-3 {
				t.Fatalf("%s[%d]: got %g, want %g", name, i, data[i], want[name][i])
			}
		}
	}
}

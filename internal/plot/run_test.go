package plot

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/plot"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

// However long a stage is, its buckets are few, have all of its steps, and mean what the
// steps were; the one of a step is found.
func TestBuckets(t *testing.T) {
	const steps = 10_000
	var r Run
	r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: 1, Loss: 1})
	for step := range steps {
		x := float64(step)
		r.Add(metrics.Event{Event: "step", Stage: "2-b", Step: step + 1, Loss: x, Parts: map[string]float64{"mse_3": 2 * x, "mse_12": 3 * x, "kl": 1}})
	}
	s := r.stages[1]
	if !slices.Equal(s.layers, []int{3, 12}) || len(s.buckets) > mostBuckets || len(s.buckets) < mostBuckets/2 {
		t.Fatalf("%d buckets of layers %v", len(s.buckets), s.layers)
	}
	next, sum := 2, 0.0
	for i, b := range s.buckets {
		if b.from != next || b.to-b.from+1 != b.n {
			t.Fatalf("bucket %d has %d steps, from %d to %d, and %d comes next", i, b.n, b.from, b.to, next)
		}
		next = b.to + 1
		sum += b.loss * float64(b.n)
		middle := float64(b.from+b.to)/2 - 2
		for k, want := range []float64{2 * middle, 3 * middle} {
			if math.Abs(b.layers[k]-want) > 1e-9*steps {
				t.Fatalf("bucket %d: layer %d has %g, want %g", i, s.layers[k], b.layers[k], want)
			}
		}
		if of, found := r.find(float64(b.to)); of != s || found != &s.buckets[i] {
			t.Fatalf("step %d is found in another bucket", b.to)
		}
	}
	if mean := sum / steps; next != steps+2 || math.Abs(mean-(steps-1)/2.) > 1e-9*steps {
		t.Errorf("the buckets end before step %d and have a mean of %g, want %d and %g", next, mean, steps+2, (steps-1)/2.)
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) (all []string) {
		for _, x := range ticks {
			all = append(all, x.Label)
		}
		return all
	}
	for _, tt := range []struct {
		got  []plot.Tick
		want []string
	}{
		{integers{}.Ticks(0, 7.5), []string{"0", "1", "2", "3", "4", "5", "6", "7"}},
		{integers{}.Ticks(0, 450), []string{"0", "50", "100", "150", "200", "250", "300", "350", "400", "450"}},
		{integers{bare: true}.Ticks(0, 2), []string{" ", " ", " "}},
		{evenTicks{}.Ticks(6.78, 7.3), []string{"6.8", "7.0", "7.2"}},
		{evenTicks{}.Ticks(0, 1), []string{"0.0", "0.5", "1.0"}},
		{evenTicks{}.Ticks(-3, 41), []string{"0", "20", "40"}},
		{evenTicks{}.Ticks(2.0001, 2.00019), []string{"2.00010", "2.00012", "2.00014", "2.00016", "2.00018"}},
		{logTicks{}.Ticks(0.9, 30), []string{"1", "2", "5", "10", "20"}},
		{logTicks{}.Ticks(1.1, 2.2), []string{"1.2", "1.5", "1.7", "2"}},
		{logTicks{}.Ticks(1e-4, 1), []string{"0.0001", "0.001", "0.01", "0.1", "1"}},
	} {
		if got := labels(tt.got); !slices.Equal(got, tt.want) {
			t.Errorf("got ticks %q, want %q", got, tt.want)
		}
	}
}

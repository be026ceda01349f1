package generate

import (
	"math"
	"slices"
	"testing"
)

// logits of the probabilities .5, .25, .15, .1, out of order.
var fourLogits = []float32{float32(math.Log(.15)), float32(math.Log(.5)), float32(math.Log(.1)), float32(math.Log(.25))}

func TestSampling(t *testing.T) {
	const n = 20000
	for _, tt := range []struct {
		name string
		s    Sampling
		want []float64 // by id
	}{
		{"greedy", Sampling{}, []float64{0, 1, 0, 0}},
		{"plain", Sampling{Temperature: 1}, []float64{.15, .5, .1, .25}},
		{"cold", Sampling{Temperature: .5}, []float64{.0225 / .345, .25 / .345, .01 / .345, .0625 / .345}},
		{"top-k", Sampling{Temperature: 1, TopK: 2}, []float64{0, .5 / .75, 0, .25 / .75}},
		{"top-k of more than there are", Sampling{Temperature: 1, TopK: 9}, []float64{.15, .5, .1, .25}},
		{"top-p", Sampling{Temperature: 1, TopP: .8}, []float64{.15 / .9, .5 / .9, 0, .25 / .9}},
		{"top-p after top-k", Sampling{Temperature: 1, TopK: 2, TopP: .6}, []float64{0, 1, 0, 0}},
		{"tiny top-p", Sampling{Temperature: 1, TopP: 1e-9}, []float64{0, 1, 0, 0}},
		{"top-p of all", Sampling{Temperature: 1, TopP: 1}, []float64{.15, .5, .1, .25}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			choose, err := tt.s.chooser()
			if err != nil {
				t.Fatal(err)
			}
			counts := make([]float64, len(fourLogits))
			for range n {
				id, err := choose(fourLogits)
				if err != nil {
					t.Fatal(err)
				}
				counts[id]++
			}
			for id, want := range tt.want {
				// Five standard deviations of a binomial count.
				if slack := 5 * math.Sqrt(want*(1-want)/n); math.Abs(counts[id]/n-want) > slack {
					t.Errorf("id %d was chosen with frequency %.4f, want %.4f", id, counts[id]/n, want)
				}
			}
		})
	}
}

func TestSamplingIsSeeded(t *testing.T) {
	draw := func(seed uint64) (ids []int) {
		choose, err := Sampling{Temperature: 1, Seed: seed}.chooser()
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			id, err := choose(fourLogits)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		return ids
	}
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("one seed gave two sequences")
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Error("two seeds gave one sequence")
	}
}

func TestSamplingRefusesNaN(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, logits := range [][]float32{{0, nan}, {nan, nan}, {inf, 0}, {-inf, -inf}, {}} {
		for _, s := range []Sampling{{}, {Temperature: 1}} {
			choose, err := s.chooser()
			if err != nil {
				t.Fatal(err)
			}
			if id, err := choose(logits); err == nil {
				t.Errorf("choose(%v) = %d, want an error", logits, id)
			}
		}
	}
}

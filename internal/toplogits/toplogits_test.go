package toplogits

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSelect(t *testing.T) {
	logits := []float32{1, 3, -2, 3, 0}
	var w Window
	w.Select(logits, 3, 2)
	if want := []int32{1, 3, 0}; !slices.Equal(w.IDs, want) {
		t.Errorf("got %v, want %v: of equal ones the lower id first", w.IDs, want)
	}
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) / 2)
	}
	want := []float64{math.Exp(1.5) / sum, math.Exp(1.5) / sum, math.Exp(0.5) / sum, (math.Exp(-1) + 1) / sum}
	for i, p := range want {
		if got := math.Exp(float64(w.Log[i])); math.Abs(got-p) > 1e-6 {
			t.Errorf("p[%d]: got %g, want %g", i, got, p)
		}
	}
	// All of the vocabulary leaves nothing.
	w = Window{}
	w.Select(logits, 5, 1)
	if last := w.Log[5]; last > -30 {
		t.Errorf("what is left of everything: got log p %g, want next to nothing", last)
	}
}

// As a sort of everything does.
func TestSelectRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		logits := make([]float32, 1+rng.IntN(40))
		ids := make([]int32, len(logits))
		for i := range logits {
			logits[i], ids[i] = float32(rng.IntN(9)), int32(i)
		}
		slices.SortStableFunc(ids, func(a, b int32) int { return int(logits[b] - logits[a]) })
		k := 1 + rng.IntN(len(logits))
		var w Window
		w.Select(logits, k, 1)
		if !slices.Equal(w.IDs, ids[:k]) {
			t.Fatalf("%d of %v: got %v, want %v", k, logits, w.IDs, ids[:k])
		}
	}
}

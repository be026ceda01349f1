package ops_test

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// masks runs dropout of ones, and the gradient of its sum.
func masks(t *testing.T, n int, rate float64, key []uint32, salt uint64) (dropped, gradient []float32) {
	t.Helper()
	store := model.NewStore()
	defer store.Finalize()
	exec, err := model.NewExec(enginetest.Open(t), store, func(_ *model.Scope, x, key *Node) (*Node, *Node) {
		y := ops.Dropout(x, rate, key, salt)
		return y, Gradient(ReduceAllSum(y), x)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	ones := slices.Repeat([]float32{1}, n)
	y, g, err := exec.Call2(tensors.FromFlatDataAndDimensions(ones, 4, n/4), tensors.FromValue(key))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](y), tensors.MustCopyFlatData[float32](g)
}

// A mask drops as many as it should, scales the others, and tells nothing of its
// neighbour, of the next step's, of the next part's or of another module's.
func TestDropout(t *testing.T) {
	const n = 1 << 16
	// In standard deviations of n coin flips; 5 come by chance once in 2 million.
	unlikely := func(share, p float64) bool { return math.Abs(share-p)*math.Sqrt(n/(p*(1-p))) > 5 }
	for _, rate := range []float64{0.05, 0.3, 0.5} {
		first, gradient := masks(t, n, rate, ops.DropoutKey(1, 0), 7)
		if !slices.Equal(first, gradient) {
			t.Errorf("rate %g: the gradient is not the mask", rate)
		}
		kept := float32(1 / (1 - rate))
		dropped := 0.0
		for i, x := range first {
			if x == 0 {
				dropped++
			} else if x != kept {
				t.Fatalf("rate %g: element %d is %g, want 0 or %g", rate, i, x, kept)
			}
		}
		if unlikely(dropped/n, rate) {
			t.Errorf("rate %g: %.4f of the elements are dropped", rate, dropped/n)
		}
		again, _ := masks(t, n, rate, ops.DropoutKey(1, 0), 7)
		if !slices.Equal(first, again) {
			t.Errorf("rate %g: the same key and salt give another mask", rate)
		}
		others := map[string][]float32{"its shift by one": slices.Concat(first[1:], first[:1]), "its shift by a row": slices.Concat(first[n/4:], first[:n/4])}
		others["the next step"], _ = masks(t, n, rate, ops.DropoutKey(2, 0), 7)
		others["the next part"], _ = masks(t, n, rate, ops.DropoutKey(1, 1), 7)
		others["another salt"], _ = masks(t, n, rate, ops.DropoutKey(1, 0), 8)
		others["a salt that differs above"], _ = masks(t, n, rate, ops.DropoutKey(1, 0), 7+1<<32)
		for name, other := range others {
			both := 0.0
			for i := range first {
				if first[i] == 0 && other[i] == 0 {
					both++
				}
			}
			if unlikely(both/n, rate*rate) {
				t.Errorf("rate %g: %.4f are dropped by the mask and %s, want %.4f", rate, both/n, name, rate*rate)
			}
		}
	}
}

package scan

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// TestInverse: any size, and entries as large as those of keys that repeat under β
// near 2. There the tolerance is 2e-5: what rounding does to a row of (I − L)⁻¹ grows
// with the number of rows above it.
func TestInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := []struct {
		name      string
		entry     func() float64
		tolerance float64
	}{
		{"small", func() float64 { return rng.NormFloat64() / 8 }, 1e-6},
		{"signs", func() float64 { return float64(1-2*rng.IntN(2)) / 2 }, 1e-6},
		{"equal keys", func() float64 { return -1 }, 1e-6},
		{"equal keys, reflected", func() float64 { return -1.99 }, 2e-5},
	}
	for _, n := range []int{1, 2, 7, 16, 40, 64, 65, 128} {
		if compiles && n != 40 {
			continue
		}
		for _, kind := range kinds {
			const batch = 3
			l := make([]float64, batch*n*n)
			var want []float64
			for i := range l {
				if i%n < i/n%n {
					l[i] = float64(float32(kind.entry()))
				}
			}
			for i := range batch {
				want = append(want, substituted64(l[i*n*n:(i+1)*n*n], n)...)
			}
			got := call(t, func(in []*Node) []*Node { return []*Node{inverse(in[0])} }, []any{numtest.Tensor(l, batch, n, n)})
			numtest.Near(t, fmt.Sprintf("%s, n=%d", kind.name, n), got[0], want, kind.tolerance)
		}
	}
}

// substituted64 is (I − L)⁻¹ by forward substitution.
func substituted64(l []float64, n int) []float64 {
	t := make([]float64, n*n)
	for i := range n {
		t[i*n+i] = 1
		for j := range i {
			for k := range n {
				t[i*n+k] += l[i*n+j] * t[j*n+k]
			}
		}
	}
	return t
}

package mixers

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// softmaxSets are the keys that hedgehog's softmax branch sees in training with
// terrace, for each query: W(i) as its graph has it.
func softmaxSets(t *testing.T, w, sinks, count int) [][]int {
	t.Helper()
	c := scan.CutInto(count, w)
	short := c.Count*c.Size - count
	if count <= w {
		t.Fatalf("%d tokens in a window of %d have no terrace", count, w)
	}
	e := MustNewExec(enginetest.Open(t), func(g *Graph) *Node { return terraced(g, c, sinks, short) })
	defer e.Finalize()
	out, err := e.Call()
	if err != nil {
		t.Fatal(err)
	}
	bias := numtest.Of(out[0])
	sets := make([][]int, count)
	for i := range sets {
		block, entries := (i+short)/w, sinks+2*w
		for entry, b := range bias[(i+short)*entries : (i+short+1)*entries] {
			switch {
			case b != 0:
			case entry < sinks:
				sets[i] = append(sets[i], entry)
			default:
				sets[i] = append(sets[i], (block-1)*w+entry-sinks-short)
			}
		}
	}
	return sets
}

func span(from, to int) []int {
	var all []int
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// TestTerraceSets: blocks end with the last token, and a query sees its own up to
// itself and all of the one before.
func TestTerraceSets(t *testing.T) {
	for _, tt := range []struct {
		tokens, sinks, query int
		want                 []int
	}{
		{130, 0, 1, span(0, 1)},
		{130, 0, 2, span(0, 2)},
		{130, 0, 65, span(0, 65)},
		{130, 0, 66, span(2, 66)},
		{130, 0, 129, span(2, 129)},
		{100, 0, 35, span(0, 35)},
		{100, 0, 99, span(0, 99)},
		{164, 0, 99, span(0, 99)},
		{164, 0, 100, span(36, 100)},
		{128, 0, 127, span(0, 127)},
		{130, 1, 66, append(span(0, 0), span(2, 66)...)},
		{130, 4, 66, append(span(0, 1), span(2, 66)...)},
		{200, 4, 199, append(span(0, 3), span(72, 199)...)},
	} {
		t.Run(fmt.Sprintf("T=%d,sinks=%d/%d", tt.tokens, tt.sinks, tt.query), func(t *testing.T) {
			if got := softmaxSets(t, 64, tt.sinks, tt.tokens)[tt.query]; !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestLinearSets: other feature maps change the output of exactly those queries that
// have keys in the linear branch.
func TestLinearSets(t *testing.T) {
	for _, tt := range []struct {
		spec          string
		tokens, first int // of the queries that change
	}{
		{"terrace", 130, 66},
		{"terrace", 128, 128},
		{"terrace", 64, 64},
		{"terrace", 40, 40},
		{"terrace,short_overlap", 40, 0},
		{"terrace,short_overlap", 64, 0},
		{"terrace,short_overlap", 65, 65},
		{"terrace,sinks=2", 130, 130},
		{"sinks=2", 70, 66},
	} {
		t.Run(fmt.Sprintf("%s/T=%d", tt.spec, tt.tokens), func(t *testing.T) {
			r := newRig(t, testModel(), "hedgehog,window=64,"+tt.spec)
			x, how := r.input(1, tt.tokens), call{noState: true}
			before, _ := r.run(t, how, x, carried{})
			for i := range r.values["mixer.feature_map_q.weight"] {
				r.values["mixer.feature_map_q.weight"][i] *= 3
			}
			// One key in the branch has a share in the weights, whatever it is worth.
			for i := range r.values["mixer.feature_map_k.weight"] {
				r.values["mixer.feature_map_k.weight"][i] *= -2
			}
			after, _ := r.run(t, how, x, carried{})
			first := tt.tokens
			for i := range tt.tokens {
				if !slices.Equal(rows(before, 1, tt.tokens, i, i+1), rows(after, 1, tt.tokens, i, i+1)) {
					first = i
					break
				}
			}
			// Of one key alone the weight cancels.
			if want := tt.first; first != want && !(want == 0 && first == 1) {
				t.Errorf("the first query with a linear part is %d, want %d", first, want)
			}
		})
	}
}

// TestFeatureGradients holds what differences of the oracle cannot see: at a tie, at
// the corner of a map and below the floor. Each gradient is that of torch.
func TestFeatureGradients(t *testing.T) {
	for _, tt := range []struct {
		kind    string
		z, want []float64 // gradient of Σ (1, 2, 3)·φ(z)
	}{
		// d/dz of 1·e^(z−m) + … with m shared by the two largest.
		{"exp", []float64{0, 0, -100}, []float64{1 - 1.5, 2 - 1.5, 0}},
		{"elu", []float64{0, 1, -40}, []float64{1, 2, 0}},
		{"relu", []float64{0, 1, -1}, []float64{0, 2, 0}},
		{"softmax", []float64{-100, 0, -100}, []float64{0, 0, 0}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			e := MustNewExec(enginetest.Open(t), func(z *Node) *Node {
				phi := atLeast(floor, positive(tt.kind, false, z)...)
				return Gradient(ReduceAllSum(Mul(phi, OnePlus(Iota(z.Graph(), ops.F32(1, 3), 1)))), z)[0]
			})
			defer e.Finalize()
			out, err := e.Call(numtest.Tensor(tt.z, 1, 3))
			if err != nil {
				t.Fatal(err)
			}
			numtest.Near(t, "gradient", numtest.Of(out[0]), tt.want, 1e-6)
		})
	}
}

package mixers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// tolerance of heads and states against the float64 oracle. Sums of products of
// a few hundred terms in fp32 come to about 1e-6; softmax adds its exponentials.
const tolerance = 1e-5

// compiles says that the engine takes a second or so over every new graph, so
// that the tests ask for fewer shapes.
var compiles = enginetest.Name() != engine.Default

func TestChunkedIsOracle(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			lengths, chunks := []int{1, 2, 17, 63, 64, 65, 130, 257}, []int{16, 64}
			if compiles {
				lengths, chunks = []int{1, 65}, []int{16}
			}
			for _, tokens := range lengths {
				x := r.input(2, tokens)
				want, state := r.oracle(x)
				for _, chunk := range chunks {
					what := fmt.Sprintf("T=%d chunk=%d", tokens, chunk)
					got, next := r.run(t, call{chunk: chunk}, x, carried{})
					numtest.Near(t, what+" heads", got, want, tolerance)
					r.sameState(t, what, next, state)
				}
			}
		})
	}
}

// TestTrainingIsOracle runs without a state, as training does.
func TestTrainingIsOracle(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			lengths := []int{2, 17, 64, 130}
			if compiles {
				lengths = []int{65}
			}
			for _, tokens := range lengths {
				x := r.input(2, tokens)
				got, _ := r.run(t, call{chunk: 16, noState: true}, x, carried{})
				numtest.Near(t, fmt.Sprintf("T=%d", tokens), got, r.training(x), tolerance)
			}
		})
	}
}

func TestStepIsOracle(t *testing.T) {
	const tokens = 50
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			x := r.input(2, tokens)
			want, state := r.oracle(x)
			c := r.empty(2)
			for i := range tokens {
				var got []float64
				got, c = r.run(t, call{step: true}, segment(x, i, i+1), c)
				numtest.Near(t, fmt.Sprintf("token %d", i), got, rows(want, 2, tokens, i, i+1), tolerance)
			}
			r.sameState(t, "state", c, state)
		})
	}
}

func TestStateCarriesOver(t *testing.T) {
	const tokens = 70
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			x := r.input(2, tokens)
			want, state := r.oracle(x)
			all := [][]int{{1, 34}, {3, 4}, {16, 48}, {41, 64}}
			if compiles {
				all = all[:1]
			}
			for _, cuts := range all {
				what := fmt.Sprintf("cut at %v", cuts)
				c, at := carried{}, 0
				for _, to := range append(cuts, tokens) {
					var got []float64
					got, c = r.run(t, call{chunk: 16}, segment(x, at, to), c)
					numtest.Near(t, fmt.Sprintf("%s: tokens from %d", what, at), got, rows(want, 2, tokens, at, to), tolerance)
					at = to
				}
				r.sameState(t, what, c, state)
			}
			if compiles {
				return // the graphs are those of other tests
			}
			_, c := r.run(t, call{chunk: 16}, segment(x, 0, tokens-6), carried{})
			for i := tokens - 6; i < tokens; i++ {
				var got []float64
				got, c = r.run(t, call{step: true}, segment(x, i, i+1), c)
				numtest.Near(t, fmt.Sprintf("step %d after chunks", i), got, rows(want, 2, tokens, i, i+1), tolerance)
			}
			r.sameState(t, "steps after chunks", c, state)
		})
	}
}

// TestStateIsCarriedOverAnySplit cuts a sequence in two at every place: before, at and
// behind the ends of the windows, of the sinks and of the blocks.
func TestStateIsCarriedOverAnySplit(t *testing.T) {
	const tokens = 22
	if compiles {
		t.Skip("each split has two graphs of its own, and TestStateCarriesOver some of them")
	}
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			x := r.input(1, tokens)
			want, state := r.oracle(x)
			for at := 1; at < tokens; at++ {
				head, c := r.run(t, call{chunk: 8}, segment(x, 0, at), carried{})
				tail, c := r.run(t, call{chunk: 8}, segment(x, at, tokens), c)
				numtest.Near(t, fmt.Sprintf("heads, cut at %d", at), slices.Concat(head, tail), want, tolerance)
				r.sameState(t, fmt.Sprintf("cut at %d", at), c, state)
			}
		})
	}
}

// TestPlacesBeforeStart fills what a short sequence leaves free in its state
// with rubbish.
func TestPlacesBeforeStart(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			x := r.input(2, 33)
			want, state := r.oracle(x)
			got, c := r.run(t, call{chunk: 16}, x, r.empty(2))
			numtest.Near(t, "heads", got, want, tolerance)
			r.sameState(t, "state", c, state)
		})
	}
}

// sameState compares a state with the oracle's. Of a cache only the places that
// hold a token count.
func (r *rig) sameState(t *testing.T, what string, got carried, want [][]float64) {
	t.Helper()
	declared := r.mixer.State(r.model, r.capacity)
	if len(got.tensors) != len(declared) {
		t.Fatalf("%s: got %d state tensors, want %d", what, len(got.tensors), len(declared))
	}
	for i, s := range declared {
		shape := got.tensors[i].Shape().Dimensions
		if fmt.Sprint(shape[1:]) != fmt.Sprint(s.Shape) {
			t.Fatalf("%s: %s has shape %v, want %v", what, s.Name, shape[1:], s.Shape)
		}
		have, need := numtest.Of(got.tensors[i]), append([]float64(nil), want[i]...)
		if s.Name == "keys" || s.Name == "values" {
			for at := range have {
				if !r.holds(at/shape[3]%shape[2], shape[2], got.seen) {
					have[at], need[at] = 0, 0
				}
			}
		}
		numtest.Near(t, what+" "+s.Name, have, need, tolerance)
	}
}

// holds reports whether a place of a cache of n places holds one of the tokens seen: a
// cache of all tokens fills from the left, and a window from the right, behind its sinks.
func (r *rig) holds(place, n, seen int) bool {
	if r.mixer.Grows() {
		return place < seen
	}
	sinks := n - r.mixer.Window()
	return place < min(sinks, seen) || place >= max(sinks, n-seen)
}

package mixers

import (
	"fmt"
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// TestOneMemoryIsInner: a single memory to which every token goes is the inner mixer.
func TestOneMemoryIsInner(t *testing.T) {
	for spec, inner := range map[string]string{
		"mom,memories=1,top_k=1,shared=false,allow_neg_eigval": "gated-delta,allow_neg_eigval",
		"mom,memories=1,top_k=1,shared=false,inner=gla":        "gla,decay_from=input,window=0,activation=none,conv=4,qk_norm=l2,norm=before,gate=silu",
	} {
		r, of := newRig(t, testModel(), spec), newRig(t, testModel(), inner)
		for name := range of.values {
			of.values[name] = r.values[name]
		}
		x := r.input(2, 50)
		want, states := of.run(t, call{chunk: 16}, x, carried{})
		got, next := r.run(t, call{chunk: 16}, x, carried{})
		numtest.Near(t, spec+": heads", got, want, 1e-6)
		for i, s := range states.tensors {
			numtest.Near(t, fmt.Sprintf("%s: state %d", spec, i), numtest.Of(next.tensors[i]), numtest.Of(s), 1e-6)
		}
	}
}

// TestRoutesOfEqualLogits: of equal ones the first are chosen, and never more than k.
func TestRoutesOfEqualLogits(t *testing.T) {
	e := MustNewExec(enginetest.Open(t), func(z *Node) *Node { return largest(z, 2) })
	defer e.Finalize()
	out, err := e.Call([][][]float32{{{0, 0, 0}, {1, 2, 2}, {2, 1, 1}, {3, 1, 2}, {-1, -1, -2}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := numtest.Of(out[0]), []float64{1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// penalties runs the mixer and returns the penalties that it asked for, and their
// gradients with respect to the router.
func (r *rig) penalties(t *testing.T, x [][][]float64) (all, gradients []float64) {
	t.Helper()
	var count int
	e := MustNewExec(r.engine, func(in []*Node) []*Node {
		l, x, from := r.layer(call{chunk: 16, start: true, noState: true}, in)
		var terms []*Node
		l.Penalty = func(term *Node) { terms = append(terms, term) }
		y, _ := For(r.mixer.Name).Chunked(l, x, from)
		count = len(terms)
		for _, term := range terms[:count:count] {
			terms = append(terms, Gradient(term, l.Tensor(x.Graph(), "mixer.router.weight"))...)
		}
		return append(terms, y)
	})
	defer e.Finalize()
	out, err := e.Call(r.arguments(x, carried{})...)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out[:2*count] {
		if i < count {
			all = append(all, numtest.Of(o)...)
		} else {
			gradients = append(gradients, numtest.Of(o)...)
		}
	}
	return all, gradients
}

// TestPenaltyOfUnevenMemories holds the penalty and its gradient against the formula.
func TestPenaltyOfUnevenMemories(t *testing.T) {
	const balance, h = 0.3, 1e-6
	for _, k := range []int{1, 2} {
		r := newRig(t, testModel(), fmt.Sprintf("mom,memories=3,top_k=%d,balance=%v", k, balance))
		x, router := r.input(2, 20), r.values["mixer.router.weight"]
		formula := func() float64 {
			chosen, likely, tokens := make([]float64, 3), make([]float64, 3), 0.0
			for _, u := range slices.Concat(x...) {
				z := make([]float64, 3)
				var total float64
				for m := range z {
					for i, v := range u {
						z[m] += router[m*len(u)+i] * v
					}
					total += math.Exp(z[m])
				}
				sorted := slices.Sorted(slices.Values(z))
				for m := range z {
					likely[m] += math.Exp(z[m]) / total
					if z[m] >= sorted[3-k] {
						chosen[m]++
					}
				}
				tokens++
			}
			var sum float64
			for m := range chosen {
				sum += chosen[m] / tokens * likely[m] / tokens
			}
			return balance * 3 * sum
		}
		got, gradient := r.penalties(t, x)
		numtest.Near(t, fmt.Sprintf("top_k=%d: penalty", k), got, []float64{formula()}, tolerance)
		var want []float64
		for i, was := range router {
			router[i] = was + h
			up := formula()
			router[i] = was - h
			want = append(want, (up-formula())/(2*h))
			router[i] = was
		}
		numtest.Near(t, fmt.Sprintf("top_k=%d: gradient of the router", k), gradient, want, gradientTolerance)
	}
	r := newRig(t, testModel(), "mom,balance=0")
	if got, _ := r.penalties(t, r.input(1, 5)); len(got) > 0 {
		t.Errorf("balance=0: got penalties %v, want none", got)
	}
}

package mixers

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// TestWindowIsSoftmax: with γ → 1 nothing is left of the linear branch, because no
// token is out of the window or because with affine it weighs 1−γ, and the mixer is
// softmax over what the window sees, whatever the feature maps.
func TestWindowIsSoftmax(t *testing.T) {
	for _, tt := range []struct {
		spec, teacher string
		tokens        int
	}{
		{"hedgehog,window=24", "softmax", 24},
		{"hedgehog,window=24,terrace", "softmax", 24},
		{"hedgehog,window=7,affine", "softmax,window=7", 50},
		{"hedgehog,window=7,sinks=3,affine", "softmax,window=7,sinks=3", 50},
	} {
		t.Run(tt.spec, func(t *testing.T) {
			teacher, r := newRig(t, testModel(), tt.teacher), newRig(t, testModel(), tt.spec)
			maps.Copy(r.values, teacher.values)
			for h := range r.model.Heads {
				r.values["mixer.window_factors"][h] = 100
			}
			x := r.input(2, tt.tokens)
			want, _ := teacher.run(t, call{chunk: 16}, x, carried{})
			for _, how := range []call{{chunk: 16}, {chunk: 64}, {chunk: 16, noState: true}} {
				got, _ := r.run(t, how, x, carried{})
				numtest.Near(t, fmt.Sprintf("%+v", how), got, want, tolerance)
			}
		})
	}
}

// TestCapOfTheTeacher: softmax windows bend their scores as the teacher does.
func TestCapOfTheTeacher(t *testing.T) {
	for _, spec := range []string{"hedgehog,window=5,sinks=1", "hedgehog,window=16,terrace", "gla,window=5"} {
		t.Run(spec, func(t *testing.T) {
			model := testModel()
			model.Softcap = 0.5
			r, free := newRig(t, model, spec), newRig(t, testModel(), spec)
			x := r.input(2, 40)
			want, _ := r.oracle(x)
			got, _ := r.run(t, call{chunk: 16}, x, carried{})
			numtest.Near(t, "heads", got, want, tolerance)
			if without, _ := free.oracle(x); slices.Equal(want, without) {
				t.Error("the cap changes nothing")
			}
			got, _ = r.run(t, call{chunk: 16, noState: true}, x, carried{})
			numtest.Near(t, "heads in training", got, r.training(x), tolerance)
			c := r.empty(2)
			for i := range 20 {
				got, c = r.run(t, call{step: true}, segment(x, i, i+1), c)
				numtest.Near(t, fmt.Sprintf("step %d", i), got, rows(want, 2, 40, i, i+1), tolerance)
			}
		})
	}
}

// TestStepReachesWindowAtOnce: the graph of a step has as many nodes whatever the
// window, where it once had a slice for each key.
func TestStepReachesWindowAtOnce(t *testing.T) {
	nodes := func(w, sinks int) int {
		n := 0
		e := MustNewExec(enginetest.Open(t), func(g *Graph) *Node {
			var first *Node
			if sinks > 0 {
				first = Zeros(g, ops.F32(2, 1, sinks, 4))
			}
			y := reach(scan.CutInto(1, 64), first, Zeros(g, ops.F32(2, 1, w+1, 4)), w)
			n = len(g.Nodes())
			return y
		})
		defer e.Finalize()
		out, err := e.Call()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := out[0].Shape().Dimensions, []int{2, 1, 1, sinks + w + 1, 4}; !slices.Equal(got, want) {
			t.Errorf("reach over a window of %d: got %v, want %v", w, got, want)
		}
		return n
	}
	for _, sinks := range []int{0, 3} {
		if narrow, wide := nodes(2, sinks), nodes(2000, sinks); narrow != wide {
			t.Errorf("nodes with %d sinks: got %d for a window of 2000 and %d for one of 2, want the same", sinks, wide, narrow)
		}
	}
}

// TestMimicry: mmMamba's seeding leaves its inputs as they are but for the SiLU,
// and its steps without regard to the input.
func TestMimicry(t *testing.T) {
	r := newRig(t, testModel(), "mamba2,conv=4")
	taps := r.values["mixer.conv1d.weight"]
	for i := range taps {
		taps[i] = 0
		if i%4 == 3 {
			taps[i] = 1
		}
	}
	clear(r.values["mixer.conv1d.bias"])
	clear(r.values["mixer.dt_proj.weight"])
	x := r.input(2, 9)
	e := MustNewExec(r.engine, func(in []*Node) []*Node {
		l, x, from := r.layer(call{start: true}, in)
		q := l.inputs(x, from.tensor(1)).q
		_, delta := mamba2{}.decay(l, x)
		return []*Node{q, ops.SiLU(headsFirst(l.Linear("q_proj", x), l.Model.Heads)), delta}
	})
	defer e.Finalize()
	out, err := e.Call(r.arguments(x, carried{})...)
	if err != nil {
		t.Fatal(err)
	}
	numtest.Near(t, "queries after the convolution", numtest.Of(out[0]), numtest.Of(out[1]), 1e-6)
	var want []float64
	for _, b := range r.values["mixer.dt_bias"] {
		want = append(want, slices.Repeat([]float64{math.Log1p(math.Exp(b))}, 2*9)...)
	}
	numtest.Near(t, "steps", numtest.Of(out[2]), want, 1e-6)
}

// TestGroupsRepeatByHead writes every key-value head r times into the projections:
// a model without groups that must compute the same.
func TestGroupsRepeatByHead(t *testing.T) {
	if compiles {
		t.Skip("what a graph says does not depend on the engine, and two for each mixer take long to compile")
	}
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			grouped := newRig(t, testModel(), spec)
			model := testModel()
			model.KVHeads = model.Heads
			r := newRig(t, model, spec)
			for name, v := range grouped.values {
				if len(v) == len(r.values[name]) {
					r.values[name] = v
					continue
				}
				var wide []float64
				parts := [][]float64{v}
				if strings.HasPrefix(name, "mixer.conv") {
					kv := len(v) / grouped.shapes[name][0] * grouped.model.KeyValues()
					parts = [][]float64{v[:kv], v[kv : 2*kv]}
					if !r.mixer.Inherits("k_proj") {
						parts = parts[:1]
					}
				}
				for _, p := range parts {
					wide = append(wide, widened(p, grouped.model.KVHeads, model.Heads)...)
				}
				r.values[name] = append(wide, v[len(slices.Concat(parts...)):]...)
			}
			x := r.input(2, 20)
			want, _ := grouped.run(t, call{chunk: 16}, x, carried{})
			got, _ := r.run(t, call{chunk: 16}, x, carried{})
			numtest.Near(t, "heads", got, want, 1e-6)
		})
	}
}

// widened repeats each of n equal parts of v until there are to of them.
func widened(v []float64, n, to int) []float64 {
	var out []float64
	for part := range slices.Chunk(v, len(v)/n) {
		out = append(out, slices.Repeat(part, to/n)...)
	}
	return out
}

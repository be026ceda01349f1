package mixers

import (
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// The values weighed by the attention weights are what the chunked form makes, for
// every mixer that has weights; the others say so.
func TestLogWeights(t *testing.T) {
	const tokens = 37
	for _, spec := range specs {
		name, _, _ := strings.Cut(spec, ",")
		if want := name == "softmax" || name == "hedgehog"; Attends(name) != want {
			t.Errorf("%s: has weights: %v, want %v", name, !want, want)
		}
		if !Attends(name) || strings.Contains(spec, "norm=after") {
			continue // a norm behind the mean
		}
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			e := MustNewExec(r.engine, func(in []*Node) (*Node, *Node) {
				l, x, _ := r.layer(call{noState: true, start: true}, in)
				var v *Node // [H, B, T, D]
				if name == "softmax" {
					_, _, v = softmax{}.inputs(l, x)
					v = scan.PerQuery(scan.Swap(v), l.Model.Heads/l.Model.KVHeads)
				} else {
					v = l.perQuery(l.inputs(x, nil).v)
				}
				log := mixers[name].(Attending).LogWeights(l, x)
				direct, _ := mixers[name].Chunked(l, x, State{})
				return headsLast(ops.AB(Exp(log), v)), direct
			})
			defer e.Finalize()
			out, err := e.Call(r.arguments(r.input(2, tokens), carried{})...)
			if err != nil {
				t.Fatal(err)
			}
			numtest.Near(t, "output", numtest.Of(out[0]), numtest.Of(out[1]), 2e-6)
		})
	}
}

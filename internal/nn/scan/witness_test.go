package scan

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/witness"
)

// witnessTolerance is what two ways of summing some hundred fp32 products may differ by.
const witnessTolerance = 1e-5

// TestWitnesses holds every rule against the plain-torch references of
// flash-linear-attention and transformers, the source of each file in its metadata.
func TestWitnesses(t *testing.T) {
	chunks := []int{1, 5, 16, 64}
	if enginetest.Name() != engine.Default {
		chunks = []int{16}
	}
	for _, w := range witness.All(t) {
		t.Run(w.Name, func(t *testing.T) {
			check := func(what string, form func(in Inputs) (o, after *Node)) {
				o, after := runWitness(t, w, form)
				numtest.Near(t, what, o, numtest.Wide(w.Tensors["o"].Data), witnessTolerance)
				if want := w.Tensors["after"]; want.Data != nil {
					numtest.Near(t, what+": state", after, numtest.Wide(want.Data), witnessTolerance)
				}
			}
			for _, size := range chunks {
				check(fmt.Sprintf("chunk %d", size), func(in Inputs) (*Node, *Node) { return in.Chunked(size, true) })
			}
			check("steps", steps)
		})
	}
}

// steps runs token by token, all in one graph.
func steps(in Inputs) (o, after *Node) {
	var outs []*Node
	after = in.First
	for i := range in.Q.Shape().Dim(2) {
		at := func(x *Node) *Node {
			if x == nil {
				return nil
			}
			return Slice(x, AxisRange(), AxisRange(), AxisElem(i), AxisRange())
		}
		one := Inputs{
			Q: at(in.Q), K: at(in.K), V: at(in.V), LogDecay: at(in.LogDecay), Beta: at(in.Beta),
			Remove: at(in.Remove), Write: at(in.Write), First: after,
		}
		o, after = one.Step()
		outs = append(outs, o)
	}
	return Concatenate(outs, 2), after
}

// runWitness feeds the tensors of a witness to a form of the recurrence.
func runWitness(t *testing.T, w witness.Witness, form func(in Inputs) (o, after *Node)) (o, after []float64) {
	t.Helper()
	names := slices.DeleteFunc([]string{"q", "k", "v", "log_decay", "beta", "remove", "write", "first"},
		func(name string) bool { return w.Tensors[name].Data == nil })
	var args []any
	for _, name := range names {
		x := w.Tensors[name]
		args = append(args, tensors.FromFlatDataAndDimensions(x.Data, x.Shape...))
	}
	e := MustNewExec(enginetest.Open(t), func(given []*Node) []*Node {
		at := func(name string) *Node {
			if i := slices.Index(names, name); i >= 0 {
				return given[i]
			}
			return nil
		}
		o, after := form(Inputs{
			Q: at("q"), K: at("k"), V: at("v"), LogDecay: at("log_decay"), Beta: at("beta"),
			Remove: at("remove"), Write: at("write"), First: at("first"),
		})
		return []*Node{o, after}
	})
	defer e.Finalize()
	out, err := e.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	return numtest.Of(out[0]), numtest.Of(out[1])
}

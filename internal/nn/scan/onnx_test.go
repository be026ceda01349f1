package scan

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestOnnxLinearAttention holds both forms against ONNX's vectors of the additive and
// the delta rule. Heads of queries share the state of their group.
func TestOnnxLinearAttention(t *testing.T) {
	for _, v := range testdata.OnnxVectors(t, "LinearAttention") {
		t.Run(v.Name, func(t *testing.T) {
			var present []testdata.OnnxTensor
			var args []any
			for _, in := range v.Inputs {
				if in.Name != "" {
					present = append(present, in)
					args = append(args, tensors.FromFlatDataAndDimensions(in.Data, in.Shape...))
				}
			}
			out := call(t, func(nodes []*Node) []*Node {
				byName := map[string]*Node{}
				for i, in := range present {
					byName[in.Name] = nodes[i]
				}
				in := onnxInputs(v, byName)
				o, after := in.Chunked(3, true)
				steps, stepped := in.stepped()
				groups := int(v.Attrs["kv_num_heads"].(float64))
				return []*Node{onnxOutput(o), onnxState(after, groups), onnxOutput(steps), onnxState(stepped, groups)}
			}, args)
			tolerance := valueTolerance
			if v.Inputs[0].DType == "F16" {
				tolerance = 2e-3
			}
			for i, got := range out {
				var want []float64
				for _, w := range v.Outputs[i%2].Data {
					want = append(want, float64(w))
				}
				form := []string{"chunked", "steps"}[i/2]
				numtest.Near(t, form+": "+v.Outputs[i%2].Name, got, want, tolerance)
			}
		})
	}
}

// onnxInputs are the operator's inputs, [B, T, H·D], as the kernel wants them. The scale
// of the output may as well be that of the queries.
func onnxInputs(v testdata.OnnxVector, byName map[string]*Node) Inputs {
	heads, groups := int(v.Attrs["q_num_heads"].(float64)), int(v.Attrs["kv_num_heads"].(float64))
	rule, ok := v.Attrs["update_rule"].(string)
	if !ok {
		rule = "gated_delta"
	}
	split := func(x *Node, n int) *Node { return Swap(ops.SplitHeads(x, n)) }
	shared := func(name string) *Node {
		x := byName[name]
		n := groups
		if name == "beta" {
			n = x.Shape().Dim(2) // one for each group, or for all
		}
		x = split(x, n)
		return PerQuery(x, heads/n)
	}
	in := Inputs{Q: split(byName["query"], heads), K: shared("key"), V: shared("value")}
	scale, _ := v.Attrs["scale"].(float64)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(in.Q.Shape().Dim(3)))
	}
	in.Q = MulScalar(in.Q, scale)
	if slices.Contains([]string{"gated", "gated_delta"}, rule) {
		in.LogDecay = shared("decay")
	}
	if slices.Contains([]string{"delta", "gated_delta"}, rule) {
		in.Beta = shared("beta")
	}
	if past := byName["past_state"]; past != nil {
		in.First = PerQuery(Swap(past), heads/groups)
	}
	return in
}

// stepped runs the tokens one by one.
func (in Inputs) stepped() (o, after *Node) {
	var all []*Node
	for t := range in.Q.Shape().Dim(2) {
		one := Inputs{First: in.First}
		for from, to := range map[*Node]**Node{
			in.Q: &one.Q, in.K: &one.K, in.V: &one.V, in.LogDecay: &one.LogDecay, in.Beta: &one.Beta,
		} {
			if from != nil {
				*to = ops.Span(from, 2, t, t+1)
			}
		}
		o, in.First = one.Step()
		all = append(all, o)
	}
	return Concatenate(all, 2), in.First
}

// onnxOutput packs the heads, [H, B, T, V] to [B, T, H·V].
func onnxOutput(o *Node) *Node { return ops.MergeHeads(Swap(o)) }

// onnxState takes the state of each group from the first of its heads.
func onnxState(s *Node, groups int) *Node {
	s = Swap(s)
	dims := s.Shape().Dimensions
	s = Reshape(s, dims[0], groups, dims[1]/groups, dims[2], dims[3])
	return Squeeze(ops.Span(s, 2, 0, 1), 2)
}

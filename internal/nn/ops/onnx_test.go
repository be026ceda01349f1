package ops

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestOnnxRotaryEmbedding: positions look up rows of the tables, or the tables have a
// row for every token of every sequence.
func TestOnnxRotaryEmbedding(t *testing.T) {
	for _, v := range testdata.OnnxVectors(t, "RotaryEmbedding") {
		t.Run(v.Name, func(t *testing.T) {
			x, _ := v.Input("input")
			cos, _ := v.Input("cos_cache")
			sin, _ := v.Input("sin_cache")
			if at, ok := v.Input("position_ids"); ok {
				cos, sin = rowsAt(cos, at), rowsAt(sin, at)
			}
			onnx(t, v, func(in []*Node) *Node {
				r := Rotation{Cos: in[1], Sin: in[2], Interleaved: number(v, "interleaved", 0) == 1}
				if in[0].Rank() == 4 {
					return r.Apply(in[0])
				}
				return MergeHeads(r.Apply(SplitHeads(in[0], int(number(v, "num_heads", 0)))))
			}, x, cos, sin)
		})
	}
}

// rowsAt are the rows of a table that positions ask for.
func rowsAt(table, positions testdata.OnnxTensor) testdata.OnnxTensor {
	width := table.Shape[1]
	out := testdata.OnnxTensor{Shape: append(slices.Clone(positions.Shape), width)}
	for _, p := range positions.Data {
		out.Data = append(out.Data, table.Data[int(p)*width:(int(p)+1)*width]...)
	}
	return out
}

// TestOnnxRMSNormalization: the axes from the given one on are normed as one.
func TestOnnxRMSNormalization(t *testing.T) {
	for _, v := range testdata.OnnxVectors(t, "RMSNormalization") {
		t.Run(v.Name, func(t *testing.T) {
			axis := int(number(v, "axis", -1))
			x, weight := v.Inputs[0], v.Inputs[1]
			if axis < 0 {
				axis += len(x.Shape)
			}
			width := 1
			for _, d := range x.Shape[axis:] {
				width *= d
			}
			onnx(t, v, func(in []*Node) *Node {
				rows := Reshape(in[0], len(x.Data)/width, width)
				return RMSNorm(rows, Reshape(in[1], width), number(v, "epsilon", 1e-5))
			}, x, weight)
		})
	}
}

// onnx computes a graph and compares what it gives with a vector's only output.
func onnx(t *testing.T, v testdata.OnnxVector, build func(in []*Node) *Node, inputs ...testdata.OnnxTensor) {
	t.Helper()
	e := MustNewExec(enginetest.Open(t), func(in []*Node) *Node { return build(in) })
	defer e.Finalize()
	var args []any
	for _, in := range inputs {
		args = append(args, tensors.FromFlatDataAndDimensions(in.Data, in.Shape...))
	}
	out, err := e.Call1(args...)
	if err != nil {
		t.Fatal(err)
	}
	got, want := tensors.MustCopyFlatData[float32](out), v.Outputs[0]
	if len(got) != len(want.Data) {
		t.Fatalf("got %d numbers, want %d", len(got), len(want.Data))
	}
	for i, w := range want.Data {
		if gap := math.Abs(float64(got[i] - w)); !(gap <= 1e-5*max(1, math.Abs(float64(w)))) {
			t.Fatalf("number %d is %v, want %v", i, got[i], w)
		}
	}
}

// number is an attribute of a vector, or its default.
func number(v testdata.OnnxVector, name string, otherwise float64) float64 {
	if n, ok := v.Attrs[name].(float64); ok {
		return n
	}
	return otherwise
}

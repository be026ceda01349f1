// Package onnxtest holds graphs against ONNX's own vectors.
package onnxtest

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// Masked is the most that a number may be where -Inf is wanted: a graph has large
// finite numbers in its place.
const Masked = -5e8

// Nodes are inputs or outputs by name, all of them fp32.
type Nodes map[string]*graph.Node

// Run compares every output of every vector of an operator: within 1e-5, relative
// above 1, and 2e-3 where the vector itself was computed in half precision.
//
// All vectors go in one graph, since engines that compile take long over each.
func Run(t *testing.T, op string, build func(v testdata.OnnxVector, in Nodes) (out Nodes)) {
	t.Helper()
	vectors := testdata.OnnxVectors(t, op)
	var args []any
	for _, v := range vectors {
		for _, in := range v.Inputs {
			if in.Name != "" {
				args = append(args, tensors.FromFlatDataAndDimensions(in.Data, in.Shape...))
			}
		}
	}
	e := graph.MustNewExec(enginetest.Open(t), func(args []*graph.Node) []*graph.Node {
		var all []*graph.Node
		for _, v := range vectors {
			in := Nodes{}
			for _, input := range v.Inputs {
				if input.Name != "" {
					in[input.Name], args = args[0], args[1:]
				}
			}
			out := build(v, in)
			for _, output := range v.Outputs {
				if len(output.Data) > 0 {
					all = append(all, out[output.Name])
				}
			}
		}
		return all
	})
	defer e.Finalize()
	got, err := e.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			for _, want := range v.Outputs {
				if len(want.Data) > 0 {
					near(t, tensors.MustCopyFlatData[float32](got[0]), want)
					got = got[1:]
				}
			}
		})
	}
}

func near(t *testing.T, got []float32, want testdata.OnnxTensor) {
	t.Helper()
	limit := 1e-5
	if want.DType == "F16" {
		limit = 2e-3
	}
	if len(got) != len(want.Data) {
		t.Errorf("%s: got %d numbers, want %d", want.Name, len(got), len(want.Data))
		return
	}
	for i, w := range want.Data {
		if math.IsInf(float64(w), -1) && got[i] <= Masked {
			continue
		}
		if gap := math.Abs(float64(got[i] - w)); !(gap <= limit*max(1, math.Abs(float64(w)))) {
			t.Errorf("%s: number %d is %v, want %v within %.0e", want.Name, i, got[i], w, limit)
			return
		}
	}
}

// Number is an attribute of a vector, or its default.
func Number(v testdata.OnnxVector, name string, otherwise float64) float64 {
	if n, ok := v.Attrs[name].(float64); ok {
		return n
	}
	return otherwise
}

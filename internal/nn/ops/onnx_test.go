package ops_test

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/onnxtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestOnnxRotaryEmbedding: positions look up rows of the tables, or the tables have a
// row for every token of every sequence.
func TestOnnxRotaryEmbedding(t *testing.T) {
	onnxtest.Run(t, "RotaryEmbedding", func(v testdata.OnnxVector, in onnxtest.Nodes) onnxtest.Nodes {
		x, r := in["input"], ops.Rotation{Cos: in["cos_cache"], Sin: in["sin_cache"]}
		r.Interleaved = onnxtest.Number(v, "interleaved", 0) == 1
		if positions, ok := v.Input("position_ids"); ok {
			cos, _ := v.Input("cos_cache")
			sin, _ := v.Input("sin_cache")
			r.Cos, r.Sin = rowsAt(x.Graph(), cos, positions), rowsAt(x.Graph(), sin, positions)
		}
		if x.Rank() == 4 {
			return onnxtest.Nodes{"output": r.Apply(x)}
		}
		heads := ops.SplitHeads(x, int(onnxtest.Number(v, "num_heads", 0)))
		return onnxtest.Nodes{"output": ops.MergeHeads(r.Apply(heads))}
	})
}

// rowsAt are the rows of a table that positions [B, T] ask for.
func rowsAt(g *Graph, table, positions testdata.OnnxTensor) *Node {
	width := table.Shape[1]
	var rows []float32
	for _, p := range positions.Data {
		rows = append(rows, table.Data[int(p)*width:(int(p)+1)*width]...)
	}
	return Reshape(Const(g, rows), append(slices.Clone(positions.Shape), width)...)
}

// TestOnnxRMSNormalization: the axes from the given one on are normed as one.
func TestOnnxRMSNormalization(t *testing.T) {
	onnxtest.Run(t, "RMSNormalization", func(v testdata.OnnxVector, in onnxtest.Nodes) onnxtest.Nodes {
		x, weight := in["X"], in["W"]
		axis := (int(onnxtest.Number(v, "axis", -1)) + x.Rank()) % x.Rank()
		width := 1
		for _, d := range x.Shape().Dimensions[axis:] {
			width *= d
		}
		rows := Reshape(x, x.Shape().Size()/width, width)
		y := ops.RMSNorm(rows, Reshape(weight, width), onnxtest.Number(v, "epsilon", 1e-5))
		return onnxtest.Nodes{"Y": Reshape(y, x.Shape().Dimensions...)}
	})
}

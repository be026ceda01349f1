package ops_test

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// TestParts: parts and their gradients are those of slices, also where nothing depends
// on some.
func TestParts(t *testing.T) {
	const rows, n, width = 3, 7, 40 // runs that are gathered along axis 1, sliced along axis 2
	data := make([]float32, rows*n*width)
	for i := range data {
		data[i] = float32(i%29) - 14
	}
	sizes := map[int][]int{1: {2, 1, 4}, 2: {9, 30, 1}}
	for axis, sizes := range sizes {
		asked := func(parts []*Node) *Node { // not for the last
			return Add(ReduceAllSum(Square(parts[0])), ReduceAllSum(Mul(Exp(parts[1]), parts[1])))
		}
		exec, err := NewExec(enginetest.Open(t), func(x *Node) []*Node {
			parts := ops.Parts(x, axis, sizes...)
			var slices []*Node
			at := 0
			for _, size := range sizes {
				slices, at = append(slices, ops.Span(x, axis, at, at+size)), at+size
			}
			return append(append(parts, slices...),
				Gradient(asked(parts), x)[0], Gradient(asked(slices), x)[0],
				Gradient(ReduceAllSum(Square(ops.First(x, axis, sizes[0]))), x)[0], Gradient(ReduceAllSum(Square(slices[0])), x)[0])
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(data, rows, n, width))
		exec.Finalize()
		if err != nil {
			t.Fatal(err)
		}
		same := func(name string, got, want *tensors.Tensor) {
			if !slices.Equal(tensors.MustCopyFlatData[float32](got), tensors.MustCopyFlatData[float32](want)) {
				t.Errorf("axis %d: %s differs from that of slices", axis, name)
			}
		}
		for i := range sizes {
			same("a part", out[i], out[len(sizes)+i])
		}
		same("the gradient", out[2*len(sizes)], out[2*len(sizes)+1])
		same("the gradient of the first", out[2*len(sizes)+2], out[2*len(sizes)+3])
	}
}

package mixers

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestOnnxAttention holds what softmax's forms are built from against the vectors of
// ONNX. Its masks and caches become a bias; a query that sees nothing gives 0 there,
// which is what a sink between real scores and masked ones makes of it.
func TestOnnxAttention(t *testing.T) {
	for _, v := range testdata.OnnxVectors(t, "Attention") {
		t.Run(v.Name, func(t *testing.T) {
			names := []string{"Q", "K", "V"}
			if _, ok := v.Input("past_key"); ok {
				names = append(names, "past_key", "past_value")
			}
			outputs := []string{"Y"}
			for _, name := range []string{"present_key", "present_value", "qk_matmul_output"} {
				if _, ok := v.Output(name); ok {
					outputs = append(outputs, name)
				}
			}
			got := onnx(t, v, names, func(in []*Node) []*Node {
				all := onnxAttention(t, v, in)
				var out []*Node
				for _, name := range outputs {
					out = append(out, all[name])
				}
				return out
			})
			for i, name := range outputs {
				onnxNear(t, v, name, got[i])
			}
		})
	}
}

// onnxAttention are the operator's outputs by name.
func onnxAttention(t *testing.T, v testdata.OnnxVector, in []*Node) map[string]*Node {
	t.Helper()
	q, k, values := in[0], in[1], in[2]
	packed := q.Rank() == 3
	if packed {
		heads, groups := int(onnxNumber(v, "q_num_heads", 0)), int(onnxNumber(v, "kv_num_heads", 0))
		q, k, values = ops.SplitHeads(q, heads), ops.SplitHeads(k, groups), ops.SplitHeads(values, groups)
	}
	past := 0
	if len(in) > 3 {
		past = in[3].Shape().Dim(2)
		k, values = Concatenate([]*Node{in[3], k}, 2), Concatenate([]*Node{in[4], values}, 2)
	}
	b, h, n, d := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	g, s := k.Shape().Dim(1), k.Shape().Dim(2)
	a := attention{scale: onnxNumber(v, "scale", 1/math.Sqrt(float64(d))), softcap: onnxNumber(v, "softcap", 0)}
	mask, blind := onnxMask(v, b, h, n, s, past)
	if blind {
		a.sink = MulScalar(Ones(q.Graph(), ops.F32(1, 1, 1, 1, 1)), scan.Masked/2)
	}
	bias := Reshape(Const(q.Graph(), mask), b, g, h/g, n, s)
	q = Reshape(q, b, g, h/g, n, d)
	y := Reshape(a.over(q, k, values, bias), b, h, n, values.Shape().Dim(3))
	if packed {
		y = ops.MergeHeads(y)
	}
	stages := []*Node{attention{scale: a.scale}.scores(q, k), a.scores(q, k), Add(a.scores(q, k), bias), a.weights(Add(a.scores(q, k), bias))}
	return map[string]*Node{
		"Y": y, "present_key": k, "present_value": values,
		"qk_matmul_output": Reshape(stages[int(onnxNumber(v, "qk_matmul_output_mode", 0))], b, h, n, s),
	}
}

// onnxMask is what the operator adds to the scores, [B, H, T, S], and whether a query
// sees nothing at all.
func onnxMask(v testdata.OnnxVector, b, h, t, s, past int) (bias []float32, blind bool) {
	lengths, padded := v.Input("nonpad_kv_seqlen")
	mask, masked := v.Input("attn_mask")
	shape := append(slices.Repeat([]int{1}, 4-len(mask.Shape)), mask.Shape...)
	for at := range b * h * t * s {
		place := []int{at / (h * t * s), at / (t * s) % h, at / s % t, at % s}
		offset, sees, add := past, true, float32(0)
		if padded {
			length := int(lengths.Data[place[0]])
			offset, sees = length-t, place[3] < length
		}
		if onnxNumber(v, "is_causal", 0) == 1 {
			sees = sees && place[3] <= place[2]+offset
		}
		if masked {
			i, inside := 0, true
			for axis, n := range shape {
				inside = inside && (n == 1 || place[axis] < n)
				i = i*n + min(place[axis], n-1)
			}
			switch {
			case !inside:
				sees = false
			case mask.DType == "BOOL":
				sees = sees && mask.Data[i] != 0
			case math.IsInf(float64(mask.Data[i]), -1):
				sees = false
			default:
				add = mask.Data[i]
			}
		}
		if !sees {
			add = scan.Masked
		}
		bias = append(bias, add)
	}
	for row := range slices.Chunk(bias, s) {
		blind = blind || slices.Max(row) == scan.Masked
	}
	return bias, blind
}

// TestOnnxCausalConvWithState: channels stand before time there.
func TestOnnxCausalConvWithState(t *testing.T) {
	for _, v := range testdata.OnnxVectors(t, "CausalConvWithState") {
		t.Run(v.Name, func(t *testing.T) {
			names, outputs := []string{"input", "weight"}, []string{"output"}
			at := map[string]int{}
			for _, name := range []string{"bias", "past_state"} {
				if _, ok := v.Input(name); ok {
					at[name] = len(names)
					names = append(names, name)
				}
			}
			if weight, _ := v.Input("weight"); weight.Shape[2] > 1 { // a convolution of width 1 has no state
				outputs = append(outputs, "present_state")
			}
			turn := func(x *Node) *Node { return TransposeAllAxes(x, 0, 2, 1) }
			got := onnx(t, v, names, func(in []*Node) []*Node {
				var bias, past *Node
				if i := at["bias"]; i > 0 {
					bias = in[i]
				}
				if i := at["past_state"]; i > 0 {
					past = turn(in[i])
				}
				y, next := convolve(turn(in[0]), past, in[1], bias)
				if v.Attrs["activation"] != nil {
					y = ops.SiLU(y)
				}
				out := []*Node{turn(y)}
				if next != nil {
					out = append(out, turn(next))
				}
				return out
			})
			for i, name := range outputs {
				onnxNear(t, v, name, got[i])
			}
		})
	}
}

// onnx computes a graph over the named inputs of a vector.
func onnx(t *testing.T, v testdata.OnnxVector, names []string, build func(in []*Node) []*Node) [][]float64 {
	t.Helper()
	e := MustNewExec(enginetest.Open(t), build)
	defer e.Finalize()
	var args []any
	for _, name := range names {
		in, _ := v.Input(name)
		args = append(args, tensors.FromFlatDataAndDimensions(in.Data, in.Shape...))
	}
	out, err := e.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]float64
	for _, o := range out {
		all = append(all, numbers(o))
	}
	return all
}

// onnxNumber is an attribute of a vector, or its default.
func onnxNumber(v testdata.OnnxVector, name string, otherwise float64) float64 {
	if n, ok := v.Attrs[name].(float64); ok {
		return n
	}
	return otherwise
}

// onnxNear compares an output number by number. Where -Inf is wanted, any number will
// do that exp takes to 0.
func onnxNear(t *testing.T, v testdata.OnnxVector, name string, got []float64) {
	t.Helper()
	want, _ := v.Output(name)
	limit := 1e-5
	if want.DType == "F16" {
		limit = 2e-3
	}
	if len(got) != len(want.Data) {
		t.Fatalf("%s: got %d numbers, want %d", name, len(got), len(want.Data))
	}
	for i, w := range want.Data {
		if math.IsInf(float64(w), -1) && got[i] <= scan.Masked/2 {
			continue
		}
		if gap := math.Abs(got[i] - float64(w)); !(gap <= limit*max(1, math.Abs(float64(w)))) {
			t.Fatalf("%s: number %d is %v, want %v", name, i, got[i], w)
		}
	}
}

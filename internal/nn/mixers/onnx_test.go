package mixers

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/onnxtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestOnnxAttention holds what softmax is built from against the vectors of ONNX. Their
// masks and caches become a bias; a query that sees nothing gives 0 there, which is
// what a sink between real scores and masked ones makes of it.
func TestOnnxAttention(t *testing.T) {
	onnxtest.Run(t, "Attention", func(v testdata.OnnxVector, in onnxtest.Nodes) onnxtest.Nodes {
		q, k, values, past := in["Q"], in["K"], in["V"], 0
		packed := q.Rank() == 3
		if packed {
			heads, groups := int(onnxtest.Number(v, "q_num_heads", 0)), int(onnxtest.Number(v, "kv_num_heads", 0))
			q, k, values = ops.SplitHeads(q, heads), ops.SplitHeads(k, groups), ops.SplitHeads(values, groups)
		}
		if before := in["past_key"]; before != nil {
			past = before.Shape().Dim(2)
			k, values = Concatenate([]*Node{before, k}, 2), Concatenate([]*Node{in["past_value"], values}, 2)
		}
		b, h, n, d := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
		g, s := k.Shape().Dim(1), k.Shape().Dim(2)

		scale := onnxtest.Number(v, "scale", 1/math.Sqrt(float64(d)))
		a := attention{scale: scale, softcap: onnxtest.Number(v, "softcap", 0)}
		mask, blind := onnxMask(v, b, h, n, s, past)
		if blind {
			a.sink = MulScalar(Ones(q.Graph(), ops.F32(1, 1, 1, 1, 1)), onnxtest.Masked)
		}
		bias := Reshape(Const(q.Graph(), mask), b, g, h/g, n, s)
		q = Reshape(q, b, g, h/g, n, d)
		y := Reshape(a.over(q, k, values, bias), b, h, n, values.Shape().Dim(3))
		if packed {
			y = ops.MergeHeads(y)
		}
		scores := a.scores(q, k)
		stages := []*Node{attention{scale: scale}.scores(q, k), scores, Add(scores, bias), a.weights(Add(scores, bias))}
		stage := stages[int(onnxtest.Number(v, "qk_matmul_output_mode", 0))]
		return onnxtest.Nodes{"Y": y, "present_key": k, "present_value": values, "qk_matmul_output": Reshape(stage, b, h, n, s)}
	})
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
		if onnxtest.Number(v, "is_causal", 0) == 1 {
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

// TestOnnxCausalConvWithState: channels stand before time there. A convolution of
// width 1 has no state.
func TestOnnxCausalConvWithState(t *testing.T) {
	onnxtest.Run(t, "CausalConvWithState", func(v testdata.OnnxVector, in onnxtest.Nodes) onnxtest.Nodes {
		turn := func(x *Node) *Node {
			if x == nil {
				return nil
			}
			return TransposeAllAxes(x, 0, 2, 1)
		}
		y, next := convolve(turn(in["input"]), turn(in["past_state"]), in["weight"], in["bias"])
		if v.Attrs["activation"] != nil {
			y = ops.SiLU(y)
		}
		return onnxtest.Nodes{"output": turn(y), "present_state": turn(next)}
	})
}

package train

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// AdamW is Adam with decoupled weight decay and global-norm clipping, fp32.
//
//	c = min(1, ClipNorm / (‖g‖ + 1e-6)),  g ← c·g
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²
//	p ← p − lr·(WeightDecay·p + (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + Eps))
//
// A loss or a gradient norm that is not finite leaves p, m and v as they were.
//
// Source: Loshchilov & Hutter 2019, arXiv:1711.05101; constants as in torch.
type AdamW struct {
	Beta1, Beta2, Eps float64
	WeightDecay       float64
	ClipNorm          float64 // 0: no clipping
}

// control packs what changes from step to step into one vector:
// 1/(1−β₁ᵗ), 1/(1−β₂ᵗ), then the learning rate of each group.
func (t *Trainer) control(number int, rates []float64) []float32 {
	o := t.Optimizer
	c := []float32{
		float32(1 / (1 - math.Pow(o.Beta1, float64(number)))),
		float32(1 / (1 - math.Pow(o.Beta2, float64(number)))),
	}
	for _, r := range rates {
		c = append(c, float32(r))
	}
	return c
}

// update writes the new values of all trainable tensors and their moments. It
// returns the sum of squares of each tensor's gradient before clipping, and last
// the norm of all of them: [tensors+1].
func (t *Trainer) update(grads []*Node, control, loss *Node) *Node {
	o, g := t.Optimizer, control.Graph()
	at := func(i int) *Node { return Reshape(Slice(control, AxisElem(i))) }
	squares := make([]*Node, len(grads))
	for i, grad := range grads {
		squares[i] = ReduceAllSum(Square(grad))
	}
	norm := Sqrt(sum(squares))
	ok := LogicalAnd(IsFinite(norm), IsFinite(loss))
	clip := ScalarOne(g, norm.DType())
	if o.ClipNorm > 0 {
		clip = Min(clip, Div(Scalar(g, norm.DType(), o.ClipNorm), AddScalar(norm, 1e-6)))
	}
	// What is the same for all elements is multiplied as scalars first: each product or sum
	// is a pass over all that is trained.
	unbias := Sqrt(at(1))
	intoFirst, intoSecond := MulScalar(clip, 1-o.Beta1), MulScalar(clip, math.Sqrt(1-o.Beta2))
	eps := Div(Scalar(g, norm.DType(), o.Eps), unbias)
	// What waits for no gradient, engine go computes before the backward pass, and keeps.
	after := func(x *Node) *Node { return Where(ok, x, ZerosLike(x)) }
	keepFirst, keepSecond := after(Scalar(g, norm.DType(), o.Beta1)), after(Scalar(g, norm.DType(), o.Beta2))
	for i, x := range t.Tensors {
		m0, v0 := t.moments[i].first.NodeValue(g), t.moments[i].second.NodeValue(g)
		m := Add(Mul(m0, keepFirst), Mul(grads[i], intoFirst))
		v := Add(Mul(v0, keepSecond), Square(Mul(grads[i], intoSecond)))
		rate := after(at(2 + x.Group))
		step := Mul(Div(m, Add(Sqrt(v), eps)), Div(Mul(rate, at(0)), unbias))
		variable := t.Params.Variable(x.Name)
		p := variable.NodeValue(g)
		if x.Decay && o.WeightDecay > 0 {
			step = Add(step, Mul(p, MulScalar(rate, o.WeightDecay)))
		}
		variable.SetNodeValue(Where(ok, Sub(p, step), p))
		t.moments[i].first.SetNodeValue(Where(ok, m, m0))
		t.moments[i].second.SetNodeValue(Where(ok, v, v0))
	}
	return Stack(append(squares, norm), 0)
}

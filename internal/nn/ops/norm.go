package ops

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Norm normalises x over its last axis by a module's tensors, in fp32:
//
//	RMSNorm    x / √(mean(x²) + eps) · w
//	LayerNorm  (x − mean(x)) / √(var(x) + eps) · w + b
//
// with 1+w in place of w where the family stores it so, and without w or b where it
// has none. Tensors of more than one axis meet the last axes of x.
//
// Sources: Zhang & Sennrich 2019, arXiv:1910.07467; Ba et al. 2016, arXiv:1607.06450.
func Norm(w Weights, module string, x *Node, n arch.Norm, eps float64) *Node {
	g := x.Graph()
	if n.Center {
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	}
	x = rms(x, eps)
	if !n.Plain {
		weight := w.Weight(g, module+".weight")
		if n.Shift {
			weight = OnePlus(weight)
		}
		x = Mul(x, ExpandLeftToRank(weight, x.Rank()))
	}
	if n.Bias {
		x = Add(x, ExpandLeftToRank(w.Weight(g, module+".bias"), x.Rank()))
	}
	return x
}

// RMSNorm computes x / sqrt(mean(x²) + eps) · weight over the last axis, in fp32.
//
//	x       [..., E]
//	weight  [E]
//
// Source: Zhang & Sennrich 2019, arXiv:1910.07467.
func RMSNorm(x, weight *Node, eps float64) *Node {
	return Mul(rms(x, eps), ExpandLeftToRank(weight, x.Rank()))
}

// rms is written with Sqrt and Div because Rsqrt has no gradient.
func rms(x *Node, eps float64) *Node {
	ms := ReduceAndKeep(Square(x), ReduceMean, -1)
	return Div(x, Sqrt(AddScalar(ms, eps)))
}

// QKNorm normalises queries or keys as a family's attention does, before they turn.
//
//	u, out  [B, T, H·D]
func QKNorm(w Weights, module string, u *Node, n arch.QKNorm, heads int, eps float64) *Node {
	if n.Width == "" {
		return u
	}
	if n.Width == arch.Full {
		return Norm(w, module, u, n.Norm, eps)
	}
	dims := u.Shape().Dimensions
	split := Reshape(u, dims[0], dims[1], heads, dims[2]/heads)
	return Reshape(Norm(w, module, split, n.Norm, eps), dims...)
}

// SiLU computes x·sigmoid(x).
func SiLU(x *Node) *Node { return Mul(x, Sigmoid(x)) }

// Activation applies one of arch's activations.
func Activation(kind string, x *Node) *Node {
	switch kind {
	case arch.ActSiLU:
		return SiLU(x)
	case arch.ActGELU:
		return Mul(x, MulScalar(OnePlus(Erf(MulScalar(x, 0.7071067811865476))), 0.5))
	case arch.ActGELUTanh:
		inner := MulScalar(Add(x, MulScalar(Mul(Square(x), x), 0.044715)), 0.7978845608028654)
		return Mul(x, MulScalar(OnePlus(Tanh(inner)), 0.5))
	case arch.ActReLU:
		return MaxScalar(x, 0)
	case arch.ActReLU2:
		return Square(MaxScalar(x, 0))
	}
	exceptions.Panicf("ops: no activation %q", kind)
	return nil
}

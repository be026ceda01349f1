package mixers

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// floor is the least value of a feature, and what keeps the denominator of hedgehog's
// linear form from zero.
const floor = 1e-12

// features maps queries ("q") u [H, B, T, D] or keys ("k") u [G, B, T, D] to features
// [H, B, T, Φ], each head by a map W [D, F] of its own:
//
//	z    = u·W + b                               b with map_bias
//	φ(u) = max(f(z), 1e-12)                      Φ = F
//	φ(u) = max([f(z), f(−z)], 1e-12)             Φ = 2F, with negated, for softmax and exp
//
//	feature_map  f(z), over the F columns
//	softmax      softmax(z)
//	exp          exp(z − max z)
//	relu         max(z, 0)
//	elu          1 + elu(z) = 1+z where z > 0, else eᶻ
//
// Where a feature is held at 1e-12 it has no gradient.
//
// Source: softmax and exp as in LoLCATs, arXiv:2410.10254; relu: T2R, Kasai et al. 2021,
// arXiv:2103.13076; elu: Katharopoulos et al. 2020, arXiv:2006.16236.
func (hedgehog) features(l Layer, which string, u *Node) *Node {
	g, b, t := u.Graph(), u.Shape().Dim(1), u.Shape().Dim(2)
	name := "mixer.feature_map_" + which
	if l.Mixer.Bool("tie_maps") {
		name = "mixer.feature_map"
	}
	z := perHead(u, l.Tensor(g, name+".weight"))
	if l.Mixer.Bool("map_bias") {
		z = Add(z, InsertAxes(l.Tensor(g, name+".bias"), 1))
	}
	phi := atLeast(floor, positive(l.Mixer.Text("feature_map"), l.Mixer.Bool("negated"), z)...)
	return Reshape(phi, phi.Shape().Dim(0), b, t, -1)
}

// perHead is u·W of each head, [H, B·T, F], for u [G, B, T, D] and W [H, D, F]. The maps of
// heads that share what they map are one wide matrix, but not where u is the smaller to repeat.
func perHead(u, w *Node) *Node {
	g, rows, d := u.Shape().Dim(0), u.Shape().Dim(1)*u.Shape().Dim(2), u.Shape().Dim(3)
	h, f := w.Shape().Dim(0), w.Shape().Dim(2)
	u, r := Reshape(u, g, rows, d), h/g
	if r == 1 || rows < f {
		return ops.AB(scan.PerQuery(u, r), w)
	}
	wide := Reshape(TransposeAllAxes(Reshape(w, g, r, d, f), 0, 2, 1, 3), g, d, r*f)
	z := Reshape(ops.AB(u, wide), g, rows, r, f)
	return Reshape(TransposeAllAxes(z, 0, 2, 1, 3), h, rows, f)
}

// positive is features after the projection, before the floor, which stand beside each other.
func positive(kind string, negated bool, z *Node) []*Node {
	var f func(*Node) *Node
	switch kind {
	case "softmax":
		f = ops.SoftmaxRows
	case "exp":
		f = ops.ExpBelowMax
	case "relu":
		return []*Node{z} // what is left of max(z, 0) is the floor
	case "elu":
		zero := ScalarZero(z.Graph(), dtypes.Float32)
		// Of two equal ones Max gives the gradient to the first: so it is 1 where z is 0,
		// as it is in the columns that seeding leaves 0.
		low := Neg(Max(Neg(z), zero))
		return []*Node{Where(GreaterThan(z, zero), OnePlus(z), Exp(low))}
	default:
		exceptions.Panicf("hedgehog: no feature map %q", kind)
	}
	if !negated {
		return []*Node{f(z)}
	}
	return []*Node{f(z), f(Neg(z))}
}

// atLeast puts parts [..., n] beside each other and makes what is less than least that,
// without a gradient. It is written by hand because the automatic gradients of a maximum
// and of slices pass over these arrays seven times.
func atLeast(least float64, parts ...*Node) *Node {
	var dy *Node
	at := 0
	for i, x := range parts {
		axis, from, to := x.Rank()-1, at, at+x.Shape().Dim(-1)
		parts[i], at = IdentityWithCustomGradient(x, func(_, _ *Node) *Node { return ops.Take(dy, axis, from, to) }), to
	}
	y := parts[0]
	if len(parts) > 1 {
		y = Concatenate(parts, -1)
	}
	return IdentityWithCustomGradient(MaxScalar(y, least), func(y, v *Node) *Node {
		dy = Mul(v, Sign(AddScalar(y, -least))) // 1, or 0 where y is held
		return v
	})
}

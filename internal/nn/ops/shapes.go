package ops

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// F32 is the shape of an fp32 tensor.
func F32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

// Span takes from … to-1 of one axis.
func Span(x *Node, axis, from, to int) *Node {
	if from == 0 && to == x.Shape().Dim(axis) {
		return x
	}
	return SliceAxis(x, axis, AxisRange(from, to))
}

// SoftPlus is log(1 + exp(x)), finite for any finite x.
func SoftPlus(x *Node) *Node {
	return Add(Max(x, ScalarZero(x.Graph(), dtypes.Float32)), Log1p(Exp(Neg(Abs(x)))))
}

// LogSigmoid is log(1 / (1 + exp(−x))), finite for any finite x.
func LogSigmoid(x *Node) *Node { return Neg(SoftPlus(Neg(x))) }

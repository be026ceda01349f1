package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// CrossEntropy is −log softmax(logits)[target] of every position, in nats.
//
//	logits   [B, T, V]
//	targets  [B, T]     int32
//	out      [B, T]
func CrossEntropy(logits, targets *Node) *Node {
	g, v := logits.Graph(), logits.Shape().Dim(2)
	ids := Iota(g, shapes.Make(dtypes.Int32, 1, 1, v), 2)
	hit := Equal(InsertAxes(ConvertDType(targets, dtypes.Int32), -1), ids)
	shifted := Sub(logits, StopGradient(ReduceAndKeep(logits, ReduceMax, -1)))
	picked := ReduceSum(Where(hit, shifted, ZerosLike(shifted)), -1)
	return Sub(Log(ReduceSum(Exp(shifted), -1)), picked)
}

// KL is the divergence Σ p·(log p − log q) of every position, in nats, where p
// is the teacher's distribution and q the student's, both at the temperature,
// times temperature² so that gradients keep their size (Hinton et al. 2015).
// The mean over positions is the loss; torch's "batchmean" over [B, T, V] would
// be the sum over T.
//
//	teacher, student  [B, T, V]
//	out               [B, T]
func KL(teacher, student *Node, temperature float64) *Node {
	if temperature != 1 {
		teacher, student = MulScalar(teacher, 1/temperature), MulScalar(student, 1/temperature)
	}
	lp, lq := LogSoftmax(teacher, -1), LogSoftmax(student, -1)
	kl := ReduceSum(Mul(Exp(lp), Sub(lp, lq)), -1)
	return MulScalar(kl, temperature*temperature)
}

// MSE is the mean of (a−b)² over all elements, a scalar; with weights the weighted
// sum over tokens of the mean over each one's elements.
//
//	a, b     [B, T, ...]
//	weights  [B, T], or nil
func MSE(a, b, weights *Node) *Node {
	square := Square(Sub(a, b))
	if weights == nil {
		return ReduceAllMean(square)
	}
	batch, tokens := a.Shape().Dim(0), a.Shape().Dim(1)
	return Mean(ReduceMean(Reshape(square, batch, tokens, -1), -1), weights)
}

// Mean is the mean of x over all tokens, a scalar; with weights the weighted sum.
//
//	x        [B, T]
//	weights  [B, T], or nil
func Mean(x, weights *Node) *Node {
	if weights == nil {
		return ReduceAllMean(x)
	}
	return ReduceAllSum(Mul(x, weights))
}

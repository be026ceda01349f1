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
	return Divergence(LogSoftmax(teacher, -1), LogSoftmax(student, -1), temperature)
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

// L2 is the length of a token's difference over the root of its width, ‖a−b‖₂/√d, its
// mean over tokens, a scalar; with weights the weighted sum. Where they differ by less than
// a millionth of b it has no gradient: however small a difference, its gradient has
// length 1, and within a window, where student and teacher do the same, the difference is
// what fp32 rounds, which would be trained on.
//
//	a, b     [B, T, ...]
//	weights  [B, T], or nil
//
// Source: RADLADS, Goldstein et al. 2025, arXiv:2505.03005.
func L2(a, b, weights *Node) *Node {
	square := func(x *Node) *Node { return ReduceMean(Square(perToken(x)), -1) }
	least := AddScalar(MulScalar(StopGradient(square(b)), 1e-12), 1e-24)
	return Mean(Sqrt(Max(square(Sub(a, b)), least)), weights)
}

// Cosine is 1 − a·b / (‖a‖‖b‖) of each token, its mean over tokens, a scalar; with
// weights the weighted sum. A length below 1e-8 counts as that.
//
//	a, b     [B, T, ...]
//	weights  [B, T], or nil
func Cosine(a, b, weights *Node) *Node {
	a, b = perToken(a), perToken(b)
	length := func(x *Node) *Node { return Sqrt(MaxScalar(ReduceSum(Square(x), -1), 1e-16)) }
	return Mean(OneMinus(Div(ReduceSum(Mul(a, b), -1), Mul(length(a), length(b)))), weights)
}

// perToken flattens what stands behind the tokens, [B, T, ...] to [B, T, d].
func perToken(x *Node) *Node {
	return Reshape(x, x.Shape().Dim(0), x.Shape().Dim(1), -1)
}

// AttentionCE is the cross-entropy −Σ_j p_ij log q_ij of attention weights, in nats, its
// mean over heads and queries, a scalar; with weights the weighted sum over queries of
// the mean over heads. No gradient flows to the teacher.
//
//	teacher, student  [H, B, T, T], logarithms
//	weights           [B, T], or nil
//
// Source: LoLCATs, Zhang et al. 2024, arXiv:2410.10254; Hedgehog, arXiv:2402.04347.
func AttentionCE(teacher, student, weights *Node) *Node {
	ce := Neg(ReduceSum(Mul(StopGradient(Exp(teacher)), student), -1))
	return Mean(ReduceMean(ce, 0), weights)
}

// Top is what is kept of a teacher's distribution over the next token.
//
//	IDs  [B, T, K]    int32, of the most likely tokens
//	Log  [B, T, K+1]  log p of each, and last of all the others together
type Top struct{ IDs, Log *Node }

// Of is the logarithm of what another distribution gives the same tokens, and the
// others together: [B, T, K+1] of logits [B, T, V].
func (k Top) Of(logits *Node) *Node {
	g, dims := logits.Graph(), k.IDs.Shape().Dimensions
	rows, v, n := dims[0]*dims[1], logits.Shape().Dim(2), dims[2]
	row := Iota(g, shapes.Make(dtypes.Int32, rows, n), 0)
	at := Reshape(Add(MulScalar(row, v), Reshape(k.IDs, rows, n)), rows*n, 1)
	log := Reshape(LogSoftmax(logits, -1), rows*v)
	picked := Reshape(Gather(log, at), rows, n)

	hide := Scatter(at, MulScalar(Ones(g, shapes.Make(log.DType(), rows*n)), hidden), log.Shape(), false, false)
	others := Reshape(Add(log, hide), rows, v)
	most := StopGradient(ReduceAndKeep(others, ReduceMax, -1))
	rest := Add(most, Log(ReduceAndKeep(Exp(Sub(others, most)), ReduceSum, -1)))
	return Reshape(Concatenate([]*Node{picked, rest}, -1), dims[0], dims[1], n+1)
}

// hidden takes a token out of a sum of exponentials.
const hidden = -1e9

// Divergence is Σ p·(log p − log q) over the last axis, in nats, of the logarithms of p
// and q, times temperature², as in [KL].
//
//	p, q  [..., N]
//	out   [...]
func Divergence(p, q *Node, temperature float64) *Node {
	return MulScalar(ReduceSum(Mul(Exp(p), Sub(p, q)), -1), temperature*temperature)
}

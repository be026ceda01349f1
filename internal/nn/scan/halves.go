package scan

import (
	"math/bits"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Where every row of the state has decays of its own, scores do not factor into a
// product of tokens and a weight, and exp(sum_i)·exp(−sum_j) overflows. But the scores
// of the later half of some tokens with the earlier half do factor safely, at the
// boundary between the halves: into what is left of a write there, and what is left
// from there on. The halves themselves are halved again, all pairs of one size being
// batch axes of one matrix product; log₂ C products make up the whole.

// half holds, for runs of n tokens, the sums of their log-decays, [..., P/n, n, K] with
// P >= C a power of two.
type half struct {
	upTo  *Node // from the run's start up to and with each token
	after *Node // from behind each token to the run's end
}

// halve sums the log-decays [..., C, K] over runs of 1, 2, 4 … P tokens, the longer
// from the shorter.
func halve(log *Node) []half {
	log = fillRows(log, padded(log.Shape().Dim(-2)))
	dims := log.Shape().Dimensions
	lead, p, k := dims[:len(dims)-2], dims[len(dims)-2], dims[len(dims)-1]
	runs := []half{{
		upTo:  Reshape(log, dimensions(lead, p, 1, k)...),
		after: Zeros(log.Graph(), ops.F32(dimensions(lead, p, 1, k)...)),
	}}
	for n := 1; n < p; n *= 2 {
		last := runs[len(runs)-1]
		early, late := pair(last.upTo)
		earlyAfter, lateAfter := pair(last.after)
		axis := early.Rank() - 2
		earlyWhole := ops.Span(early, axis, n-1, n)
		lateWhole := ops.Span(late, axis, n-1, n)
		runs = append(runs, half{
			upTo:  Concatenate([]*Node{early, Add(late, earlyWhole)}, -2),
			after: Concatenate([]*Node{Add(earlyAfter, lateWhole), lateAfter}, -2),
		})
	}
	return runs
}

// pair takes the early and the late of every two runs: [..., M, n, K] gives twice
// [..., M/2, n, K].
func pair(x *Node) (early, late *Node) {
	dims := x.Shape().Dimensions
	r := len(dims)
	both := Reshape(x, dimensions(dims[:r-3], dims[r-3]/2, 2, dims[r-2], dims[r-1])...)
	early, late = ops.SplitAt(both, r-2, 1)
	return Squeeze(early, r-2), Squeeze(late, r-2)
}

// halvedScores is scores for decays of rows.
func (d *decay) halvedScores(q, k *Node, r reach) *Node {
	size, p := q.Shape().Dim(-2), padded(q.Shape().Dim(-2))
	q, k = fillRows(q, p), fillRows(k, p)
	dims := q.Shape().Dimensions
	lead, width := dims[:len(dims)-2], dims[len(dims)-1]
	runs := func(x *Node, n int) *Node { return Reshape(x, dimensions(lead, p/n, n, width)...) }

	var s *Node // [..., P/n, n, n]
	if r == own {
		s = ReduceAndKeep(Mul(runs(q, 1), runs(k, 1)), ReduceSum, -1)
	} else {
		s = Zeros(q.Graph(), ops.F32(dimensions(lead, p, 1, 1)...))
	}
	for i, n := 0, 1; n < p; i, n = i+1, 2*n {
		_, late := pair(d.upTo(i, r))
		early, _ := pair(d.halves[i].after)
		_, lateQ := pair(runs(q, n))
		earlyK, _ := pair(runs(k, n))
		cross := ops.ABt(Mul(lateQ, Exp(late)), Mul(earlyK, Exp(early)))
		first, second := pair(s)
		s = Concatenate([]*Node{
			Concatenate([]*Node{first, ZerosLike(first)}, -1),
			Concatenate([]*Node{cross, second}, -1),
		}, -2)
	}
	s = Squeeze(s, -3)
	axis := s.Rank() - 2
	return ops.Span(ops.Span(s, axis, 0, size), axis+1, 0, size)
}

// upTo is the sums up to each token of the runs of 2^i tokens, for before without its own.
func (d *decay) upTo(i int, r reach) *Node {
	sums := d.halves[i].upTo
	if r != before {
		return sums
	}
	axis := sums.Rank() - 2
	none := ZerosLike(ops.Span(sums, axis, 0, 1))
	n := sums.Shape().Dim(axis)
	if n == 1 {
		return none // what is left of the run is empty, which not every engine slices
	}
	return Concatenate([]*Node{none, ops.Span(sums, axis, 0, n-1)}, axis)
}

// rowsUpTo is the log-decays [..., C, K] from the block's start up to each token.
func (d *decay) rowsUpTo(r reach) *Node { return d.rows(d.upTo(len(d.halves)-1, r)) }

// rowsAfter is the log-decays [..., C, K] from behind each token to the block's end.
func (d *decay) rowsAfter() *Node { return d.rows(d.halves[len(d.halves)-1].after) }

// rows takes the C tokens out of the one run of P.
func (d *decay) rows(x *Node) *Node {
	x = Squeeze(x, -3)
	return ops.Span(x, x.Rank()-2, 0, d.log.Shape().Dim(-2))
}

// padded is the least power of two that is not less than n.
func padded(n int) int { return 1 << bits.Len(uint(n-1)) }

// fillRows appends zeros to the last but one axis until it has n entries.
func fillRows(x *Node, n int) *Node {
	dims := x.Shape().Clone().Dimensions
	axis := len(dims) - 2
	if dims[axis] == n {
		return x
	}
	dims[axis] = n - dims[axis]
	return Concatenate([]*Node{x, Zeros(x.Graph(), ops.F32(dims...))}, axis)
}

// dimensions is lead followed by more.
func dimensions(lead []int, more ...int) []int { return append(append([]int{}, lead...), more...) }

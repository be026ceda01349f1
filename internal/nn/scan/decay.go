package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// reach says which tokens j a token i meets, and how much of j's write is left then.
type reach int

const (
	own    reach = iota // j <= i, after the decays j+1 … i: what the state after token i holds
	past                // j < i, after the decays j+1 … i
	before              // j < i, after the decays j+1 … i−1: what the state before token i holds
)

// decay is what the log-decays of blocks amount to: the weights between the tokens
// of a block, and between each of them and the block's ends. No exponential here is
// of a positive number, and no log-decay is the difference of two sums over many
// tokens, which would lose the small decays that follow large ones.
//
// Without log-decays every weight is 1.
type decay struct {
	log     *Node           // [..., C, 1] or [..., C, K]; nil: nothing decays
	weights map[reach]*Node // of one decay per token: between, once computed
	halves  []half          // of one decay per token and row, see halves.go
}

// leastLog is a log-decay whose exponential is 0 in fp32.
const leastLog = -104

// newDecay prepares the log-decays of blocks, [..., C, 1] or [..., C, K]; nil: none.
func newDecay(log *Node) *decay {
	if log == nil {
		return &decay{}
	}
	d := &decay{log: MaxScalar(log, leastLog), weights: map[reach]*Node{}}
	if d.byRow() {
		d.halves = halve(d.log)
	}
	return d
}

// byRow reports whether each row of the state decays by itself.
func (d *decay) byRow() bool { return d.log != nil && d.log.Shape().Dim(-1) > 1 }

// scores is [..., C, C]: for the tokens j that i reaches
//
//	Σ_d q_id k_jd exp(the log-decays of d between j and i)
//
// and 0 elsewhere. q and k are [..., C, K].
func (d *decay) scores(q, k *Node, r reach) *Node {
	if d.byRow() {
		return d.halvedScores(q, k, r)
	}
	all := ops.ABt(q, k)
	if d.log == nil {
		return Mul(all, ExpandLeftToRank(reached(r, q.Graph(), q.Shape().Dim(-2), 1, 0), all.Rank()))
	}
	return Mul(all, d.between(r))
}

// between is [..., C, C]: how much of token j's write is left where i reads it, 0
// where i does not reach j. Only for one decay per token.
//
// The log-decays between the two are summed for each pair, as a matrix product of
// those up to i with a selection of those after j.
func (d *decay) between(r reach) *Node {
	if w := d.weights[r]; w != nil {
		return w
	}
	g, size, rank := d.log.Graph(), d.log.Shape().Dim(-2), d.log.Rank()
	upTo := own
	if r == before {
		upTo = past
	}
	logs := Mul(Transpose(d.log, -2, -1), ExpandLeftToRank(reached(upTo, g, size, 1, 0), rank)) // [..., i, l]
	after := Transpose(reached(past, g, size, 1, 0), 0, 1)                                      // [j, l]
	gap := DotGeneral(logs, []int{rank - 1}, nil, after, []int{1}, nil)
	w := Exp(Add(gap, ExpandLeftToRank(reached(r, g, size, 0, Masked), rank)))
	d.weights[r] = w
	return w
}

// read weighs what each token reads from the state at the block's start, x [..., C, ·]:
// by the decays up to and with its own, or for before without it. Where rows decay,
// x has the rows as its last axis.
func (d *decay) read(x *Node, r reach) *Node {
	if d.log == nil {
		return x
	}
	if d.byRow() {
		return Mul(x, Exp(d.rowsUpTo(r)))
	}
	upTo := own
	if r == before {
		upTo = past
	}
	return Mul(x, Exp(d.sum(reached(upTo, x.Graph(), d.log.Shape().Dim(-2), 1, 0))))
}

// write weighs what each token adds to the state at the block's end, x [..., C, ·], by
// the decays after its own.
func (d *decay) write(x *Node) *Node {
	if d.log == nil {
		return x
	}
	if d.byRow() {
		return Mul(x, Exp(d.rowsAfter()))
	}
	return Mul(x, Exp(d.sum(Transpose(reached(past, x.Graph(), d.log.Shape().Dim(-2), 1, 0), 0, 1))))
}

// sum is, for each token, the sum of the log-decays that its row of which [C, C] selects.
func (d *decay) sum(which *Node) *Node {
	log := Squeeze(d.log, -1)
	return InsertAxes(DotGeneral(log, []int{log.Rank() - 1}, nil, which, []int{1}, nil), -1)
}

// whole is the log-decay of whole blocks, [..., 1] or [..., K]; nil when nothing decays.
func (d *decay) whole() *Node {
	if d.log == nil {
		return nil
	}
	return ReduceSum(d.log, -2)
}

// reached is [n, n] with on where i reaches j, else off.
func reached(r reach, g *Graph, n int, on, off float32) *Node {
	if r == own {
		return Lower(g, n, on, off)
	}
	return Transpose(Lower(g, n, off, on), 0, 1)
}

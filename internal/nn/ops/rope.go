package ops

import (
	"cmp"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Rotation holds the rotary tables of the positions at hand, one row per token. The
// zero value turns nothing.
type Rotation struct {
	Cos, Sin *Node // [T, Dim/2], or [B, T, Dim/2] where sequences differ in their positions
	// Interleaved pairs dimension 2i with 2i+1 instead of i with i+Dim/2.
	Interleaved bool
	// Query is what the query of each position is multiplied by, [T]; nil: nothing.
	Query *Node
}

// RotaryTable computes cos and sin of position·frequency, times the rope's amplitude,
// for n positions from first on, on the host in float64: a graph that works them out
// in a narrower type is off by whole radians after a few thousand tokens. The sequence
// has length tokens, on which the frequencies of some ropes depend.
//
// Each result is [n, Dim/2] in row order.
//
// Source: Su et al. 2021, arXiv:2104.09864; half rotation as in transformers.
func RotaryTable(r arch.Rope, first, n, length int) (cos, sin []float32) {
	half := r.Dim / 2
	cos, sin = make([]float32, n*half), make([]float32, n*half)
	frequencies, amplitude := r.Frequencies(length), cmp.Or(r.Amplitude, 1)
	for t := range n {
		for i, f := range frequencies {
			s, c := math.Sincos(float64(first+t) * f)
			cos[t*half+i], sin[t*half+i] = float32(amplitude*c), float32(amplitude*s)
		}
	}
	return cos, sin
}

// QueryTable computes what the queries of n positions from first on are multiplied
// by, [n].
func QueryTable(r arch.Rope, first, n int) []float32 {
	scales := make([]float32, n)
	for t := range scales {
		scales[t] = float32(r.QueryScale(first + t))
	}
	return scales
}

// ConstRotation puts the tables of positions 0 … n-1 into the graph.
func ConstRotation(g *Graph, r arch.Rope, n int) Rotation {
	cos, sin := RotaryTable(r, 0, n, n)
	tables := Rotation{
		Cos:         Reshape(Const(g, cos), n, r.Dim/2),
		Sin:         Reshape(Const(g, sin), n, r.Dim/2),
		Interleaved: r.Interleaved,
	}
	if r.Beta != 0 {
		tables.Query = Const(g, QueryTable(r, 0, n))
	}
	return tables
}

// Queries turns queries, and scales them where positions ask for it.
//
//	q, out  [B, H, T, D]
func (r Rotation) Queries(q *Node) *Node {
	q = r.Apply(q)
	if r.Query == nil {
		return q
	}
	return Mul(q, Reshape(r.Query, 1, 1, -1, 1))
}

// Apply rotates the first Dim dimensions of every head: the pair (x_i, x_{i+Dim/2})
// turns by the i-th angle of its position, or the pair (x_{2i}, x_{2i+1}) when the
// rotation is interleaved; the rest passes.
//
//	x, out  [B, H, T, D]
func (r Rotation) Apply(x *Node) *Node {
	if r.Cos == nil {
		return x
	}
	dims, half := x.Shape().Dimensions, r.Cos.Shape().Dim(-1)
	first := Span(x, 3, 0, 2*half)
	// With its pairs reversed, x meets the sines: whole arrays, where halves would be
	// sliced, put together, and padded on the way back.
	pairs, axis := []int{dims[0], dims[1], dims[2], 2, half}, 3
	if r.Interleaved {
		pairs[3], pairs[4], axis = half, 2, 4
	}
	reversed := Reshape(Reverse(Reshape(first, pairs...), axis), first.Shape().Dimensions...)
	y := Add(Mul(first, r.both(r.Cos, r.Cos)), Mul(reversed, r.both(Neg(r.Sin), r.Sin)))
	if dims[3] == 2*half {
		return y
	}
	return Concatenate([]*Node{y, Span(x, 3, 2*half, dims[3])}, -1)
}

// both is a table of whole heads from those of the first and the second of each pair.
func (r Rotation) both(first, second *Node) *Node {
	if !r.Interleaved {
		return overHeads(Concatenate([]*Node{first, second}, -1))
	}
	dims := first.Shape().Clone().Dimensions
	dims[len(dims)-1] *= 2
	return overHeads(Reshape(Concatenate([]*Node{InsertAxes(first, -1), InsertAxes(second, -1)}, -1), dims...))
}

// overHeads gives a table the axes to meet [B, H, T, Dim].
func overHeads(table *Node) *Node {
	if table.Rank() == 3 {
		return InsertAxes(table, 1)
	}
	return ExpandLeftToRank(table, 4)
}

package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Embed is what stands before the layers: the hidden states of ids that begin a sequence.
//
//	ids  [B, T]     int32
//	x    [B, T, E]
func (n Net) Embed(ids *Node) *Node { return n.embed(ids, nil) }

// embed looks the ids up, [B, T] to [B, T, E]; seen is the position of the first, nil: 0.
// With seen the caller sees to it that a learned table reaches so far.
func (n Net) embed(ids, seen *Node) *Node {
	g, m := ids.Graph(), n.Model
	x := Gather(n.Weights.Weight(g, m.Embedding()), InsertAxes(ConvertDType(ids, dtypes.Int32), -1))
	if m.EmbeddingScale != 0 {
		x = MulScalar(x, m.EmbeddingScale)
	}
	if m.Positions > 0 {
		if err := m.CheckLength(ids.Shape().Dim(1)); err != nil {
			panic(err)
		}
		positions := Iota(g, shapes.Make(dtypes.Int32, ids.Shape().Dim(1), 1), 0)
		if seen != nil {
			positions = Add(positions, seen)
		}
		x = Add(x, InsertAxes(Gather(n.Weights.Weight(g, m.PositionTable()), positions), 0))
	}
	return x
}

// Logits is what stands behind the layers: the last norm, the head, which may be the
// embedding, and what the family does to its logits.
//
//	x       [B, T, E]
//	logits  [B, T, V]
func (n Net) Logits(x *Node) *Node {
	m := n.Model
	x = ops.Norm(n.Weights, m.FinalNorm(), x, m.Norm, m.NormEps)
	var y *Node
	if m.Tied {
		y = ops.Project(x, n.Weights.Weight(x.Graph(), m.Embedding()))
	} else {
		y = ops.Linear(n.Weights, m.Head(), x)
	}
	if m.LogitScale != 0 {
		y = MulScalar(y, m.LogitScale)
	}
	if c := m.LogitSoftcap; c > 0 {
		y = MulScalar(Tanh(DivScalar(y, c)), c)
	}
	return y
}

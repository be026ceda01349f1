package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// linear is a mixer around one recurrence of scan. Its two forms differ in how that
// is run and in nothing else, so they have one body, to which run is handed.
type linear func(l Layer, x *Node, from State, run recurrence) (heads *Node, next State)

// recurrence runs over the tokens of a call: o [H, B, T, V], and the state after them,
// [H, B, K, V], which may be nil where the layer keeps none.
type recurrence func(in scan.Inputs) (o, memory *Node)

var _ Mixer = linear(nil)

func (m linear) Chunked(l Layer, x *Node, from State) (*Node, State) {
	size := l.blocks(x.Shape().Dim(1), l.Mixer.Window()).Size
	return m(l, x, from, func(in scan.Inputs) (o, memory *Node) { return in.Chunked(size, l.KeepState) })
}

func (m linear) Step(l Layer, x *Node, from State) (*Node, State) {
	l.KeepState = true
	return m(l, x, from, scan.Inputs.Step)
}

package infer

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// tables are the rotary tables of n positions, worked out on the host, for each of the
// model's ropes; the sequences have the given length.
func (m Model) tables(first, n, length int) []any {
	var args []any
	ropes, _ := m.Net.Model.Ropes()
	for _, r := range ropes {
		cos, sin := ops.RotaryTable(r, first, n, length)
		args = append(args,
			tensors.FromFlatDataAndDimensions(cos, n, r.Dim/2),
			tensors.FromFlatDataAndDimensions(sin, n, r.Dim/2))
		if r.Beta != 0 {
			args = append(args, tensors.FromFlatDataAndDimensions(ops.QueryTable(r, first, n), n))
		}
	}
	return args
}

// rotations takes what tables gave from the inputs of a graph.
func (m Model) rotations(in []*graph.Node) (rotations []ops.Rotation, rest []*graph.Node) {
	ropes, _ := m.Net.Model.Ropes()
	for _, r := range ropes {
		rotation := ops.Rotation{Cos: in[0], Sin: in[1], Interleaved: r.Interleaved}
		in = in[2:]
		if r.Beta != 0 {
			rotation.Query, in = in[0], in[1:]
		}
		rotations = append(rotations, rotation)
	}
	return rotations, in
}

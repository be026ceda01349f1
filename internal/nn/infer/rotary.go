package infer

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// tables are the rotary tables of one position, worked out on the host, for each of
// the model's ropes.
func (d *Decoder) tables(position int) []any {
	var args []any
	ropes, _ := d.Net.Model.Ropes()
	for _, r := range ropes {
		cos, sin := ops.RotaryTable(r, position, 1)
		args = append(args,
			tensors.FromFlatDataAndDimensions(cos, 1, r.Dim/2),
			tensors.FromFlatDataAndDimensions(sin, 1, r.Dim/2))
		if r.Beta != 0 {
			args = append(args, tensors.FromFlatDataAndDimensions(ops.QueryTable(r, position, 1), 1))
		}
	}
	return args
}

// rotations takes what tables gave from the inputs of a graph.
func (d *Decoder) rotations(in []*graph.Node) (rotations []ops.Rotation, rest []*graph.Node) {
	ropes, _ := d.Net.Model.Ropes()
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

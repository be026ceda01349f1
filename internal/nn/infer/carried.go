package infer

import (
	"errors"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// carried are the states of all layers behind the last token of a batch of sequences.
type carried struct {
	m               Model
	batch, capacity int // capacity: tokens that the state of a softmax layer holds
	seen            int
	states          []*tensors.Tensor // in the order of the layers
}

// start is the state before the first token.
func (m Model) start(batch, capacity int) *carried {
	c := &carried{m: m, batch: batch, capacity: capacity}
	for i, mixer := range m.Net.Model.Mixers {
		for _, state := range mixer.State(m.Net.Model.At(i), capacity) {
			c.states = append(c.states, zeros(append([]int{batch}, state.Shape...)...))
		}
	}
	return c
}

// read runs a graph of [Model.carrying] over the next n tokens of sequences of the given
// length. After an error of the engine there are no states.
func (c *carried) read(exec *model.Exec, n, length int, inputs ...any) (*tensors.Tensor, error) {
	args := append([]any{tensors.FromScalar(int32(c.seen))}, c.m.tables(c.seen, n, length)...)
	for _, state := range c.states {
		donated, err := graph.DonateTensorBuffer(state, c.m.Backend, 0)
		if err != nil {
			return nil, err
		}
		args = append(args, donated)
	}
	c.states = nil // they belong to the call now
	out, err := exec.Call(append(args, inputs...)...)
	if err != nil {
		return nil, err
	}
	c.states = out[1:]
	c.seen += n
	return out[0], nil
}

// carrying makes an executor of a graph for [carried.read]. Build is given where the call
// starts and its inputs.
func (m Model) carrying(build func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node)) (*model.Exec, error) {
	return m.exec(func(in []*graph.Node) []*graph.Node {
		result, states := build(m.place(in))
		return append([]*graph.Node{result}, slices.Concat(states...)...)
	})
}

// place takes the position, its rotations and the states from the inputs of a graph, and
// leaves the rest.
func (m Model) place(in []*graph.Node) (o nn.Options, rest []*graph.Node) {
	o.Start.Seen, o.KeepState = in[0], true
	o.Start.Rotations, rest = m.rotations(in[1:])
	of := m.Net.Model
	for i, mixer := range of.Mixers {
		n := len(mixer.State(of.At(i), 0))
		if mixer.Grows() {
			o.Capacity = rest[0].Shape().Dim(2)
		}
		o.Start.States, rest = append(o.Start.States, rest[:n]), rest[n:]
	}
	return o, rest
}

// grow makes room for more tokens in the states that hold them all.
func (c *carried) grow(longer *graph.Exec, capacity int) error {
	if capacity <= c.capacity {
		return nil
	}
	at := 0
	for i, mixer := range c.m.Net.Model.Mixers {
		of := mixer.State(c.m.Net.Model.At(i), capacity-c.capacity)
		for k, more := range of {
			if !mixer.Grows() {
				break
			}
			old, err := graph.DonateTensorBuffer(c.states[at+k], c.m.Backend, 0)
			if err != nil {
				return err
			}
			if c.states[at+k], err = longer.Call1(old, zeros(append([]int{c.batch}, more.Shape...)...)); err != nil {
				return err
			}
		}
		at += len(of)
	}
	c.capacity = capacity
	return nil
}

// close frees the states.
func (c *carried) close() error {
	var errs []error
	for _, state := range c.states {
		errs = append(errs, state.FinalizeAll())
	}
	c.states = nil
	return errors.Join(errs...)
}

func zeros(dims ...int) *tensors.Tensor {
	return tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
}

// cut takes the columns from…to of a tensor [B, T] in row order.
func cut(data []int32, batch, from, to int) *tensors.Tensor {
	var part []int32
	for row := range slices.Chunk(data, len(data)/batch) {
		part = append(part, row[from:to]...)
	}
	return tensors.FromFlatDataAndDimensions(part, batch, to-from)
}

package infer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Decoder computes the logits of a model. It is for one goroutine.
type Decoder struct {
	Model

	forward, step *model.Exec
	prefill       map[int]*model.Exec // by the capacity of the states that it returns
}

// NewDecoder returns a decoder of a model.
func NewDecoder(m Model) (*Decoder, error) {
	d := &Decoder{Model: m, prefill: map[int]*model.Exec{}}
	var err error
	if d.step, err = m.exec(d.buildStep); err != nil {
		return nil, err
	}
	d.forward, err = m.exec(func(in []*graph.Node) []*graph.Node {
		logits, _ := m.Net.Forward(in[0], nn.Options{})
		return []*graph.Node{logits}
	})
	return d, err
}

// Finalize frees what was compiled; sessions are no use after it.
func (d *Decoder) Finalize() {
	d.step.Finalize()
	d.forward.Finalize()
	for _, exec := range d.prefill {
		exec.Finalize()
	}
}

// Forward returns the logits after every token of one sequence, [T·V] in row order,
// by the form that reads all tokens at once.
func (d *Decoder) Forward(ids []int) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errNoTokens
	}
	if err := d.Net.Model.CheckLength(len(ids)); err != nil {
		return nil, err
	}
	row, err := d.checked(ids)
	if err != nil {
		return nil, err
	}
	out, err := d.forward.Call1(tensors.FromFlatDataAndDimensions(row, 1, len(row)))
	if err != nil {
		return nil, fmt.Errorf("read %d tokens: %w", len(row), err)
	}
	return take(out)
}

// Steps returns what [Decoder.Forward] does for each of a batch of sequences of one
// length, [B·T·V], by the form that takes one token after the other. Progress,
// unless nil, is told after each token how many are done.
func (d *Decoder) Steps(batch [][]int, progress func(done int) error) (logits []float32, err error) {
	t, err := oneLength(batch)
	if err != nil {
		return nil, err
	}
	v := d.Net.Model.Vocab
	logits = make([]float32, len(batch)*t*v)
	s := d.Start(len(batch), t)
	defer func() { err = errors.Join(err, s.Close()) }()
	column := make([]int, len(batch))
	for at := range t {
		for b, ids := range batch {
			column[b] = ids[at]
		}
		next, err := s.Step(column)
		if err != nil {
			return nil, err
		}
		for b := range batch {
			copy(logits[(b*t+at)*v:], next[b*v:(b+1)*v])
		}
		if progress != nil {
			if err := progress(at + 1); err != nil {
				return nil, err
			}
		}
	}
	return logits, nil
}

// prefillFor returns the executor whose softmax layers return caches of this
// capacity.
func (d *Decoder) prefillFor(capacity int) (*model.Exec, error) {
	if exec, ok := d.prefill[capacity]; ok {
		return exec, nil
	}
	exec, err := d.exec(func(in []*graph.Node) []*graph.Node {
		logits, states := d.Net.Forward(in[0], nn.Options{KeepState: true, Capacity: capacity, LastOnly: true})
		out := []*graph.Node{logits}
		for _, s := range states {
			out = append(out, s.Tensors...)
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	d.prefill[capacity] = exec
	return exec, nil
}

// buildStep is the graph of one token: in are its ids, the number of tokens before it,
// the rotary tables of its position, and the states.
func (d *Decoder) buildStep(in []*graph.Node) []*graph.Node {
	m := d.Net.Model
	ids, seen, in := in[0], in[1], in[2:]
	rotations, rest := d.rotations(in)
	states, capacity := make([][]*graph.Node, m.Layers), 0
	for i, mixer := range m.Mixers {
		n := len(mixer.State(m.At(i), 0))
		states[i], rest = rest[:n], rest[n:]
		if mixer.Grows() {
			capacity = states[i][0].Shape().Dim(2)
		}
	}
	logits, next := d.Net.Step(ids, rotations, seen, capacity, states)
	return append([]*graph.Node{logits}, slices.Concat(next...)...)
}

// checked converts ids for the device: an engine does not say when one is out of
// range.
func (d *Decoder) checked(ids []int) ([]int32, error) {
	out := make([]int32, len(ids))
	for i, id := range ids {
		if id < 0 || id >= d.Net.Model.Vocab {
			return nil, fmt.Errorf("token %d has id %d, want 0 to %d", i, id, d.Net.Model.Vocab-1)
		}
		out[i] = int32(id)
	}
	return out, nil
}

var errNoTokens = errors.New("got no tokens, want at least one")

// oneLength returns the length of all sequences of a batch.
func oneLength(batch [][]int) (int, error) {
	if len(batch) == 0 || len(batch[0]) == 0 {
		return 0, errNoTokens
	}
	t := len(batch[0])
	for _, ids := range batch {
		if len(ids) != t {
			return 0, fmt.Errorf("got sequences of %d and %d tokens, want one length", t, len(ids))
		}
	}
	return t, nil
}

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

	step    *model.Exec
	whole   *model.Exec         // of Forward
	prefill map[int]*model.Exec // by the capacity of the states that it returns

	forwardLong, prefillLong *segments
}

// NewDecoder returns a decoder of a model.
func NewDecoder(m Model) (*Decoder, error) {
	d := &Decoder{Model: m, prefill: map[int]*model.Exec{}}
	var err error
	d.step, err = m.carrying(func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node) {
		return m.Net.Step(in[0], o)
	})
	if err != nil {
		return nil, err
	}
	d.whole, err = m.exec(func(in []*graph.Node) []*graph.Node {
		logits, _ := m.Net.Forward(in[0], nn.Options{})
		return []*graph.Node{logits}
	})
	if err != nil {
		return nil, err
	}
	d.forwardLong, err = m.segments(func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node) {
		return m.Net.Forward(in[0], o)
	})
	if err != nil {
		return nil, err
	}
	d.prefillLong, err = m.segments(func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node) {
		o.LastOnly = true
		return m.Net.Forward(in[0], o)
	})
	return d, err
}

// Finalize frees what was compiled; sessions are no use after it.
func (d *Decoder) Finalize() {
	d.step.Finalize()
	d.whole.Finalize()
	d.forwardLong.finalize()
	d.prefillLong.finalize()
	for _, exec := range d.prefill {
		exec.Finalize()
	}
}

// Forward returns the logits after every token of one sequence, [T·V] in row order,
// by the form that reads many tokens at once.
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
	if d.long(len(row)) {
		return d.forwardInSegments(row)
	}
	out, err := d.whole.Call1(tensors.FromFlatDataAndDimensions(row, 1, len(row)))
	if err != nil {
		return nil, fmt.Errorf("read %d tokens: %w", len(row), err)
	}
	return nn.Take(out)
}

func (d *Decoder) forwardInSegments(row []int32) ([]float32, error) {
	logits := make([]float32, 0, len(row)*d.Net.Model.Vocab)
	c, err := d.forwardLong.run(1, roundUp(len(row)), func(_ int, part *tensors.Tensor) error {
		data, err := nn.Take(part)
		logits = append(logits, data...)
		return err
	}, row)
	if err != nil {
		return nil, fmt.Errorf("read %d tokens: %w", len(row), err)
	}
	return logits, c.close()
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
		return append([]*graph.Node{logits}, slices.Concat(states...)...)
	})
	if err != nil {
		return nil, err
	}
	d.prefill[capacity] = exec
	return exec, nil
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

package infer

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// roundTo is what capacities are rounded up to, so that requests of about the same
// length share a compiled step.
const roundTo = 64

// Session is a batch of sequences of equal length and the state that follows
// their last token.
type Session struct {
	d               *Decoder
	batch, capacity int
	seen            int
	states          []*tensors.Tensor // of all layers, in the order of the layers
}

// Start returns a session before its first token, with room for at least capacity
// tokens.
func (d *Decoder) Start(batch, capacity int) *Session {
	s := &Session{d: d, batch: batch, capacity: roundUp(capacity)}
	m := d.Net.Model
	for i, mixer := range m.Mixers {
		for _, state := range mixer.State(m.At(i), s.capacity) {
			dims := append([]int{batch}, state.Shape...)
			s.states = append(s.states, tensors.FromShape(shapes.Make(dtypes.Float32, dims...)))
		}
	}
	return s
}

// Prefill reads the prompts, all of one length, and returns the session after them
// with the logits of their last tokens, [B·V] in row order. The session has room
// for at least capacity tokens, the prompt's included.
func (d *Decoder) Prefill(prompts [][]int, capacity int) (*Session, []float32, error) {
	t, err := oneLength(prompts)
	if err == nil {
		err = d.Net.Model.CheckLength(t)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read prompt: %w", err)
	}
	var ids []int32
	for _, p := range prompts {
		row, err := d.checked(p)
		if err != nil {
			return nil, nil, fmt.Errorf("read prompt: %w", err)
		}
		ids = append(ids, row...)
	}
	s := &Session{d: d, batch: len(prompts), capacity: roundUp(max(capacity, t)), seen: t}
	exec, err := d.prefillFor(s.capacity)
	if err != nil {
		return nil, nil, fmt.Errorf("read prompt: %w", err)
	}
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(ids, s.batch, t))
	if err != nil {
		return nil, nil, fmt.Errorf("read prompt: %w", err)
	}
	s.states = out[1:]
	logits, err := take(out[0])
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read prompt: %w", err), s.Close())
	}
	return s, logits, nil
}

// Step appends one token to each sequence and returns the logits of what follows,
// [B·V] in row order. After an error of the engine the session cannot go on.
func (s *Session) Step(ids []int) ([]float32, error) {
	if len(ids) != s.batch {
		return nil, fmt.Errorf("token %d: got %d ids for %d sequences", s.seen, len(ids), s.batch)
	}
	if s.seen == s.capacity {
		return nil, fmt.Errorf("token %d does not fit, the session has room for %d", s.seen, s.capacity)
	}
	if err := s.d.Net.Model.CheckLength(s.seen + 1); err != nil {
		return nil, fmt.Errorf("token %d: %w", s.seen, err)
	}
	row, err := s.d.checked(ids)
	if err != nil {
		return nil, fmt.Errorf("token %d: %w", s.seen, err)
	}
	args := append([]any{
		tensors.FromFlatDataAndDimensions(row, s.batch, 1),
		tensors.FromScalar(int32(s.seen)),
	}, s.d.tables(s.seen)...)
	for _, state := range s.states {
		donated, err := graph.DonateTensorBuffer(state, s.d.Backend, 0)
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", s.seen, err)
		}
		args = append(args, donated)
	}
	s.states = nil // they belong to the step now
	out, err := s.d.step.Call(args...)
	if err != nil {
		return nil, fmt.Errorf("token %d: %w", s.seen, err)
	}
	s.states = out[1:]
	s.seen++
	return take(out[0])
}

// Seen is the number of tokens in each sequence.
func (s *Session) Seen() int { return s.seen }

// Close frees the states.
func (s *Session) Close() error {
	var errs []error
	for _, state := range s.states {
		errs = append(errs, state.FinalizeAll())
	}
	s.states = nil
	return errors.Join(errs...)
}

func roundUp(n int) int { return (n + roundTo - 1) / roundTo * roundTo }

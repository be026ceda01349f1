package infer

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// roundTo is what capacities are rounded up to, so that requests of about the same
// length share a compiled step.
const roundTo = 64

// Session is a batch of sequences of equal length and the state that follows
// their last token.
type Session struct {
	d *Decoder
	*carried
}

// Start returns a session before its first token, with room for at least capacity
// tokens.
func (d *Decoder) Start(batch, capacity int) *Session {
	return &Session{d, d.start(batch, roundUp(capacity))}
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
	read := d.prefillWhole
	if d.long(t) {
		read = d.prefillInSegments
	}
	c, logits, err := read(ids, len(prompts), roundUp(max(capacity, t)))
	if err != nil {
		return nil, nil, fmt.Errorf("read prompt: %w", err)
	}
	return &Session{d, c}, logits, nil
}

// prefillWhole reads prompts by one graph, compiled for this room.
func (d *Decoder) prefillWhole(ids []int32, batch, capacity int) (*carried, []float32, error) {
	exec, err := d.prefillFor(capacity)
	if err != nil {
		return nil, nil, err
	}
	t := len(ids) / batch
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(ids, batch, t))
	if err != nil {
		return nil, nil, err
	}
	c := &carried{m: d.Model, batch: batch, capacity: capacity, seen: t, states: out[1:]}
	logits, err := nn.Take(out[0])
	if err != nil {
		return nil, nil, errors.Join(err, c.close())
	}
	return c, logits, nil
}

// prefillInSegments reads long prompts; the graphs are those of every length.
func (d *Decoder) prefillInSegments(ids []int32, batch, capacity int) (*carried, []float32, error) {
	var logits []float32
	c, err := d.prefillLong.run(batch, capacity, func(_ int, last *tensors.Tensor) (err error) {
		logits, err = nn.Take(last)
		return err
	}, ids)
	return c, logits, err
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
	out, err := s.read(s.d.step, 1, s.seen+1, tensors.FromFlatDataAndDimensions(row, s.batch, 1))
	if err != nil {
		return nil, fmt.Errorf("token %d: %w", s.seen, err)
	}
	return nn.Take(out)
}

// Seen is the number of tokens in each sequence.
func (s *Session) Seen() int { return s.seen }

// Close frees the states.
func (s *Session) Close() error { return s.close() }

func roundUp(n int) int { return (n + roundTo - 1) / roundTo * roundTo }

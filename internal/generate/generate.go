// Package generate continues token sequences with one model.
//
// [Generator.Generate] goes from prompt ids to new ids, [Generator.Text] from text
// to text. Logits and states come from a [infer.Decoder]; here is what chooses a
// token from logits ([Sampling]), and what ends a text ([StopIDs]).
//
// # Limits
//
// One sequence at a time.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
)

// firstRoom is how many new tokens a model with softmax layers has room for at
// first. A step reads the whole cache, so that room for all of MaxTokens would make
// each as slow as the last one.
const firstRoom = 512

// Generator continues sequences. It is for one goroutine.
type Generator struct {
	decoder *infer.Decoder
	grows   bool // a layer's state grows with the sequence
}

// New returns a generator for a model whose weights are in the store. Set live
// when the weights change during the generator's life, as in training.
func New(backend compute.Backend, store *nn.Store, net nn.Net, live bool) (*Generator, error) {
	d, err := infer.NewDecoder(infer.Model{Backend: backend, Store: store, Net: net, Live: live})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	grows := slices.ContainsFunc(net.Model.Mixers, arch.Mixer.Grows)
	return &Generator{d, grows}, nil
}

// Finalize frees the compiled graphs; the weights belong to the store.
func (g *Generator) Finalize() { g.decoder.Finalize() }

// Options say how a sequence is continued.
type Options struct {
	MaxTokens int
	Sampling  Sampling
	Stop      []int // a token of these is the last one; see [StopIDs]
}

// Generate continues the prompt and returns the new ids, the one that stopped it
// included. Each is given to each, unless that is nil, as soon as it is chosen. On
// an error, also that of a context that was cancelled, the ids so far are returned
// with it.
func (g *Generator) Generate(ctx context.Context, prompt []int, o Options, each func(id int) error) (ids []int, err error) {
	if o.MaxTokens < 1 {
		return nil, fmt.Errorf("generate: max tokens is %d, want > 0", o.MaxTokens)
	}
	choose, err := o.Sampling.chooser()
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	// Unless the state grows, room for any number of tokens costs nothing.
	room := math.MaxInt32
	if g.grows {
		room = len(prompt) + min(o.MaxTokens, firstRoom)
	}
	s, logits, err := g.decoder.Prefill([][]int{prompt}, room)
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return ids, err
		}
		id, err := choose(logits)
		if err != nil {
			return ids, fmt.Errorf("generate: token %d: %w", s.Seen(), err)
		}
		ids = append(ids, id)
		if each != nil {
			if err := each(id); err != nil {
				return ids, err
			}
		}
		if len(ids) == o.MaxTokens || slices.Contains(o.Stop, id) {
			return ids, nil
		}
		if s.Seen() < room {
			logits, err = s.Step([]int{id})
		} else {
			// All again, into twice the room: over a long text that adds a constant to
			// the cost of each token.
			room *= 2
			s, logits, err = g.again(s, slices.Concat(prompt, ids), room)
		}
		if err != nil {
			return ids, fmt.Errorf("generate: %w", err)
		}
	}
}

// again replaces a session by one that has seen ids and has more room. On an error
// the old one is returned, closed.
func (g *Generator) again(s *infer.Session, ids []int, room int) (*infer.Session, []float32, error) {
	if err := s.Close(); err != nil {
		return s, nil, err
	}
	next, logits, err := g.decoder.Prefill([][]int{ids}, room)
	if err != nil {
		return s, nil, err
	}
	return next, logits, nil
}

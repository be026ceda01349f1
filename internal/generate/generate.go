// Package generate continues token sequences with one model.
//
// [Generator.Generate] goes from prompt ids to new ids, [Generator.Text] from text
// to text. Logits and states come from a [infer.Decoder]; here is what chooses a
// token from logits ([Sampling]), and what ends a text ([StopIDs]).
package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
)

// Generator continues sequences. It is for one goroutine.
type Generator struct{ decoder *infer.Decoder }

// New returns a generator for a model whose weights are in the store. Set live
// when the weights change during the generator's life, as in training.
func New(backend compute.Backend, store *nn.Store, net nn.Net, live bool) (*Generator, error) {
	d, err := infer.NewDecoder(infer.Model{Backend: backend, Store: store, Net: net, Live: live})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return &Generator{d}, nil
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
	s, logits, err := g.decoder.Prefill([][]int{prompt}, len(prompt)+o.MaxTokens)
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
		if logits, err = s.Step([]int{id}); err != nil {
			return ids, fmt.Errorf("generate: %w", err)
		}
	}
}

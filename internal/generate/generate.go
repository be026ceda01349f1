// Package generate continues token sequences with one model.
//
// A [Generator] holds a model's two compiled forms: the one that reads a whole
// prompt at once and the one that takes a single token. [Generator.Generate] goes
// from prompt ids to new ids, [Generator.Text] from text to text. [Session] is the
// machinery below them, a batch of sequences and the state that follows their
// last token, for callers that choose the tokens themselves. [Generator.Forward]
// and [Generator.Steps] give the logits of given tokens, in either form.
//
// The state stays on the device: it goes into a step as it came out of the one
// before. Linear mixers carry a state of fixed size; a softmax layer carries a
// cache with room for a number of tokens that is fixed when a session starts.
//
// # Limits
//
// Sequences of one batch have the same length. Each length of prompt is compiled
// anew: on engines where that takes seconds, the first call of a length does.
package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Generator runs one model. It is for one goroutine.
type Generator struct {
	backend compute.Backend
	store   *model.Store
	net     nn.Net
	live    bool

	prefill map[int]*model.Exec // by the capacity of the states that it returns
	step    *model.Exec
	forward *model.Exec // nil until the first Forward
}

// New returns a generator for a model whose weights are in the store. Set live
// when the weights change during the generator's life, as in training; without
// it an engine may build their values into its code.
func New(backend compute.Backend, store *model.Store, net nn.Net, live bool) (*Generator, error) {
	g := &Generator{backend: backend, store: store, net: net, live: live, prefill: map[int]*model.Exec{}}
	var err error
	if g.step, err = model.NewExec(backend, store, g.buildStep); err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return g, nil
}

// Finalize frees the compiled graphs; the weights belong to the store.
func (g *Generator) Finalize() {
	g.step.Finalize()
	if g.forward != nil {
		g.forward.Finalize()
	}
	for _, exec := range g.prefill {
		exec.Finalize()
	}
}

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
func (g *Generator) Generate(ctx context.Context, prompt []int, o Options, each func(id int) error) ([]int, error) {
	if o.MaxTokens < 1 {
		return nil, fmt.Errorf("generate: max tokens is %d, want > 0", o.MaxTokens)
	}
	choose, err := o.Sampling.chooser()
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	s, logits, err := g.Prefill([][]int{prompt}, len(prompt)+o.MaxTokens)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var ids []int
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
			return ids, err
		}
	}
}

// prefillFor returns the executor whose softmax layers return caches of this
// capacity.
func (g *Generator) prefillFor(capacity int) (*model.Exec, error) {
	if exec, ok := g.prefill[capacity]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(g.backend, g.store, func(_ *model.Scope, ids *graph.Node) []*graph.Node {
		g.prepare(ids.Graph())
		logits, states := g.net.Forward(ids, nn.Options{KeepState: true, Capacity: capacity, LastOnly: true})
		return append([]*graph.Node{logits}, flatten(states)...)
	})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	g.prefill[capacity] = exec
	return exec, nil
}

// buildStep is the graph of one token: in are its ids, the rotary tables of its
// position, the number of tokens before it, and the states.
func (g *Generator) buildStep(_ *model.Scope, in []*graph.Node) []*graph.Node {
	g.prepare(in[0].Graph())
	rotation := ops.Rotation{Cos: in[1], Sin: in[2]}
	states := make([][]*graph.Node, g.net.Model.Layers)
	rest, capacity := in[4:], 0
	for i, mixer := range g.net.Model.Mixers {
		n := len(mixer.State(g.net.Model, 0))
		states[i], rest = rest[:n], rest[n:]
		if mixer.Name == arch.Softmax {
			capacity = states[i][0].Shape().Dim(2)
		}
	}
	logits, next := g.net.Step(in[0], rotation, in[3], capacity, states)
	return append([]*graph.Node{logits}, slices.Concat(next...)...)
}

func (g *Generator) prepare(gr *graph.Graph) {
	if g.live {
		g.store.SetTraining(gr, true) // variables stay parameters on every engine
	}
}

func flatten(states []mixers.State) (all []*graph.Node) {
	for _, s := range states {
		all = append(all, s.Tensors...)
	}
	return all
}

var errNoPrompt = errors.New("generate: the prompt has no tokens, want at least one")

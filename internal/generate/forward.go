package generate

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Forward returns the logits after every token of one sequence, [T·V] in row order,
// by the form that reads all tokens at once.
func (g *Generator) Forward(ids []int) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errNoPrompt
	}
	row, err := g.checked(ids)
	if err != nil {
		return nil, err
	}
	if g.forward == nil {
		g.forward, err = model.NewExec(g.backend, g.store, func(_ *model.Scope, ids *graph.Node) *graph.Node {
			g.prepare(ids.Graph())
			logits, _ := g.net.Forward(ids, nn.Options{})
			return logits
		})
		if err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
	}
	out, err := g.forward.Call1(tensors.FromFlatDataAndDimensions(row, 1, len(row)))
	if err != nil {
		return nil, fmt.Errorf("generate: read %d tokens: %w", len(row), err)
	}
	return take(out)
}

// Steps returns the same as [Generator.Forward] for each of a batch of sequences of
// one length, by the form that takes one token after the other: [B·T·V]. Progress,
// unless nil, is told after each token how many are done.
func (g *Generator) Steps(batch [][]int, progress func(done int) error) (logits []float32, err error) {
	if len(batch) == 0 || len(batch[0]) == 0 {
		return nil, errNoPrompt
	}
	t, v := len(batch[0]), g.net.Model.Vocab
	logits = make([]float32, len(batch)*t*v)
	s := g.Start(len(batch), t)
	defer func() { _ = s.Close() }() // after an error it has nothing left to free
	column := make([]int, len(batch))
	for at := range t {
		for b, ids := range batch {
			if len(ids) != t {
				return nil, fmt.Errorf("generate: sequences have %d and %d tokens, want one length", t, len(ids))
			}
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

// Package eval measures how well a model predicts a text, in nats per token.
//
// An [Evaluator] is one compiled graph: made once, it can be asked again and again
// as training moves the weights. [Evaluator.Perplexity] gives the loss and its
// standard error; [Result.Minus] compares two models on the same windows, which
// tells differences far smaller than either standard error.
//
// # How a loss is counted
//
// As package data cuts a corpus: every window starts without context and predicts
// as many tokens as it has. The sum of −ln p over all predicted tokens is divided
// by their number. The graph is fp32; sums over tokens are float64 on the host.
package eval

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
)

// Options say how a model is measured.
type Options struct {
	SeqLen int  // tokens of a window
	Batch  int  // windows at once: memory and speed, never the result
	Live   bool // the weights change during the evaluator's life, as in training
}

// Evaluator measures one model. It is for one goroutine.
type Evaluator struct {
	o      Options
	vocab  int
	losses *infer.Losses
}

// New returns an evaluator for a model whose weights are in the store.
func New(backend compute.Backend, store *nn.Store, net nn.Net, o Options) (*Evaluator, error) {
	if o.SeqLen < 1 || o.Batch < 1 {
		return nil, fmt.Errorf("eval: seq_len is %d and batch %d, want > 0", o.SeqLen, o.Batch)
	}
	losses, err := infer.NewLosses(infer.Model{Backend: backend, Store: store, Net: net, Live: o.Live})
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return &Evaluator{o: o, vocab: net.Model.Vocab, losses: losses}, nil
}

// Finalize frees the compiled graph; the weights belong to the store.
func (e *Evaluator) Finalize() { e.losses.Finalize() }

// Perplexity measures the model on all windows of a corpus. Progress, unless nil,
// is told after each batch how many windows are done. A loss that is not finite is
// an error.
func (e *Evaluator) Perplexity(ctx context.Context, c *data.Corpus, progress func(done, total int)) (Result, error) {
	n := c.Windows(e.o.SeqLen)
	if n == 0 {
		return Result{}, fmt.Errorf("eval: the text has %d tokens, want more than the %d of a window", c.Tokens(), e.o.SeqLen)
	}
	losses := make([]float64, 0, n)
	for first := 0; first < n; first += e.o.Batch {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		means, err := e.batch(c, first, min(e.o.Batch, n-first))
		if err != nil {
			return Result{}, fmt.Errorf("eval: %w", err)
		}
		losses = append(losses, means...)
		if progress != nil {
			progress(len(losses), n)
		}
	}
	return newResult(losses, e.o.SeqLen), nil
}

// batch returns the mean losses of n windows. The graph has one shape: a short batch
// is filled up with its last window, and what that gives is dropped.
func (e *Evaluator) batch(c *data.Corpus, first, n int) ([]float64, error) {
	starts := make([]int, e.o.Batch)
	for i := range starts {
		starts[i] = (first + min(i, n-1)) * e.o.SeqLen
	}
	inputs, targets := c.Batch(starts, e.o.SeqLen)
	if id := max(slices.Max(inputs), slices.Max(targets)); int(id) >= e.vocab {
		return nil, &VocabError{int(id), e.vocab}
	}
	all, err := e.losses.Of(inputs, targets, e.o.Batch, e.o.SeqLen)
	if err != nil {
		return nil, err
	}
	means := make([]float64, n)
	for i := range means {
		for _, x := range all[i*e.o.SeqLen : (i+1)*e.o.SeqLen] {
			means[i] += float64(x) / float64(e.o.SeqLen)
		}
		if math.IsNaN(means[i]) || math.IsInf(means[i], 0) {
			return nil, &NotFiniteError{first + i, means[i]}
		}
	}
	return means, nil
}

// NotFiniteError reports a window whose loss is not a number.
type NotFiniteError struct {
	Window int
	Loss   float64
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("window %d: loss is %g", e.Window, e.Loss)
}

// VocabError reports a token that the model does not have: the tokenizer is another
// model's.
type VocabError struct{ ID, Vocab int }

func (e *VocabError) Error() string {
	return fmt.Sprintf("the text has token id %d, want below the model's vocab_size %d", e.ID, e.Vocab)
}

// ExitCode is that of an invalid model folder.
func (*VocabError) ExitCode() int { return 3 }

// Hint says what is probably wrong.
func (*VocabError) Hint() string { return "the tokenizer files are not those of this model" }

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
// as many tokens as it has. The sum of −ln p over all predicted tokens that count is
// divided by their number. The graph is fp32; sums over tokens are float64 on the host.
//
// # Limits
//
// Losses of models with different tokenizers do not compare: their tokens are not the same.
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
	Batch int  // windows at once, at most, see [AtOnce]: memory and speed, never the result
	Live  bool // the weights change during the evaluator's life, as in training
}

// mostLogits is how many bytes of logits there are at once where that is not one window's
// alone. Several arrays of that size are: they would be what takes most of a training run.
const mostLogits = 256 << 20

// AtOnce is how many windows of so many tokens are measured at once, of most that are
// wanted: fewer where the vocabulary is large.
func AtOnce(most, tokens, vocab int) int {
	one := 4 * min(tokens, infer.Segment) * vocab
	return max(1, min(most, mostLogits/max(1, one)))
}

// Evaluator measures one model. It is for one goroutine.
type Evaluator struct {
	o      Options
	vocab  int
	losses *infer.Losses
}

// New returns an evaluator for a model whose weights are in the store.
func New(backend compute.Backend, store *nn.Store, net nn.Net, o Options) (*Evaluator, error) {
	if o.Batch < 1 {
		return nil, fmt.Errorf("eval: batch is %d, want > 0", o.Batch)
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
func (e *Evaluator) Perplexity(ctx context.Context, w *data.Windows, progress func(done, total int)) (Result, error) {
	n := w.Len()
	if n == 0 {
		return Result{}, fmt.Errorf("eval: the text has %d tokens, want more than the %d of a window", w.Corpus().Tokens(), w.SeqLen())
	}
	var r windows
	size := AtOnce(e.o.Batch, w.SeqLen(), e.vocab)
	for first := 0; first < n; first += size {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := e.batch(&r, w, first, min(size, n-first), size); err != nil {
			return Result{}, fmt.Errorf("eval: %w", err)
		}
		if progress != nil {
			progress(len(r.means), n)
		}
	}
	return r.result(w.SeqLen()), nil
}

// batch measures n windows. The graph has one shape: a short batch is filled up to size
// with its last window, and what that gives is dropped.
func (e *Evaluator) batch(r *windows, w *data.Windows, first, n, size int) error {
	starts := make([]int, size)
	for i := range starts {
		starts[i] = w.Start(first + min(i, n-1))
	}
	b, seqLen := w.Batch(starts...), w.SeqLen()
	if id := max(slices.Max(b.Inputs), slices.Max(b.Targets)); int(id) >= e.vocab {
		return &VocabError{int(id), e.vocab}
	}
	all, err := e.losses.Of(b.Inputs, b.Targets, size, seqLen)
	if err != nil {
		return err
	}
	for i := range n {
		row := all[i*seqLen : (i+1)*seqLen]
		var mean float64
		if b.Counted == nil {
			for _, x := range row {
				mean += float64(x) / float64(seqLen)
			}
		} else {
			counted := b.Counted[i*seqLen : (i+1)*seqLen]
			number := 0
			for t, x := range row {
				if counted[t] {
					mean += float64(x)
					number++
				}
			}
			mean /= float64(number) // there are no windows of none
			r.counts = append(r.counts, number)
		}
		if math.IsNaN(mean) || math.IsInf(mean, 0) {
			return &NotFiniteError{first + i, mean}
		}
		r.means = append(r.means, mean)
	}
	return nil
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

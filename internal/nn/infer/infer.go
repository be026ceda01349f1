// Package infer compiles a model for use without training.
//
// [Losses] gives the loss of every token of given windows. [Decoder] gives logits:
// [Decoder.Forward] of all tokens at once, [Decoder.Prefill] and [Session.Step] of
// one token after the other from a carried state.
//
// The state stays on the device: it goes into a step as it came out of the one
// before. Linear mixers carry a state of fixed size; a softmax layer carries a
// cache with room for a number of tokens that is fixed when a session starts.
//
// Sequences of up to [Segment] tokens are one graph; longer ones are read in segments, so
// that memory is that of a segment, and the same graphs serve all lengths.
//
// # Limits
//
// Sequences of one batch have the same length. Each shape is compiled anew: on
// engines where that takes seconds, the first call with a length does.
package infer

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Model is what there is to run.
type Model struct {
	Backend compute.Backend
	Store   *nn.Store // of the weights
	Net     nn.Net
	// Live is for weights that change while what is compiled here is in use, as in
	// training. Without it an engine may build their values into its code, which
	// makes the pure-Go one about twice as fast at single tokens.
	Live bool
	// Segment is the number of tokens of a long sequence that are read at a time; 0: [Segment].
	Segment int
}

// exec makes an executor of a graph of this model.
func (m Model) exec(build func(in []*graph.Node) []*graph.Node) (*model.Exec, error) {
	return model.NewExec(m.Backend, m.Store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		if m.Live {
			// Variables of a graph in training stay parameters on every engine.
			m.Store.SetTraining(in[0].Graph(), true)
		}
		return build(in)
	})
}

// Losses computes −ln p of given next tokens.
type Losses struct {
	m     Model
	whole *model.Exec
	long  *segments
}

// NewLosses returns the losses of a model.
func NewLosses(m Model) (*Losses, error) {
	whole, err := m.exec(func(in []*graph.Node) []*graph.Node {
		logits, _ := m.Net.Forward(in[0], nn.Options{})
		return []*graph.Node{nn.CrossEntropy(logits, in[1])}
	})
	if err != nil {
		return nil, err
	}
	long, err := m.segments(func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node) {
		logits, states := m.Net.Forward(in[0], o)
		return nn.CrossEntropy(logits, in[1]), states
	})
	return &Losses{m, whole, long}, err
}

// Of returns the loss of each target, [B·T] in row order, given the inputs up to its
// place. Ids must be of the model's vocabulary: an engine does not say when one is
// not.
func (l *Losses) Of(inputs, targets []int32, batch, seqLen int) ([]float32, error) {
	if err := l.m.Net.Model.CheckLength(seqLen); err != nil {
		return nil, err
	}
	if l.m.long(seqLen) {
		return l.inSegments(inputs, targets, batch, seqLen)
	}
	out, err := l.whole.Call1(
		tensors.FromFlatDataAndDimensions(inputs, batch, seqLen),
		tensors.FromFlatDataAndDimensions(targets, batch, seqLen))
	if err != nil {
		return nil, err
	}
	return nn.Take(out)
}

// inSegments is [Losses.Of] for long sequences.
func (l *Losses) inSegments(inputs, targets []int32, batch, seqLen int) ([]float32, error) {
	losses := make([]float32, batch*seqLen)
	c, err := l.long.run(batch, roundUp(seqLen), func(before int, part *tensors.Tensor) error {
		data, err := nn.Take(part)
		n := len(data) / batch
		for b := range batch {
			copy(losses[b*seqLen+before:], data[b*n:(b+1)*n])
		}
		return err
	}, inputs, targets)
	if err != nil {
		return nil, err
	}
	return losses, c.close()
}

// Finalize frees what was compiled.
func (l *Losses) Finalize() {
	l.whole.Finalize()
	l.long.finalize()
}

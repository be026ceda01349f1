// Package train turns a model, an objective and an optimizer into one compiled
// step: forward, backward, clip, AdamW, all in fp32.
//
// [New] builds a [Trainer] over the variables of an [nn.Params]; [Trainer.Step]
// runs one optimizer step over one or more micro-batches. Learning rates come in
// with each step, so a schedule is plain Go outside of the graph.
//
// A step whose loss or gradient is not finite changes nothing: the caller can still save
// what it had, and [Trainer.Diagnose] says in which layer it went wrong.
//
// # Limits
//
// Frozen tensors take no part in the backward pass.
package train

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Tensor is one trainable tensor.
type Tensor struct {
	Name  string
	Group int  // index into the learning rates of a step
	Decay bool // weight decay applies
}

// Setup is everything that a trainer is built from.
type Setup struct {
	Backend compute.Backend
	Store   *model.Store
	Teacher *nn.Net // nil when the objective does not ask it
	Student nn.Net
	Params  *nn.Params // the student's
	Tensors []Tensor

	// TopK > 0: the batches hold so many of the teacher's logits of each token, and the
	// objective does not ask the teacher.
	TopK int

	// Cached: the batches hold [States] instead of ids, teacher and student are models of
	// [arch.Model.Single], and the objective is an [Objective.Share].
	Cached bool

	Objective Objective
	Optimizer AdamW

	Devices *Devices // nil: the backend's first
}

// Trainer runs optimizer steps.
type Trainer struct {
	Setup
	moments []moments

	penalised bool              // a mixer of the student makes a penalty; known once a graph is built
	sums      []*model.Variable // accumulated gradients; nil until a step has several micro-batches

	full, bare graphs      // with the softmax windows of linear mixers and without
	apply      *model.Exec // update from sums, clear them
}

// graphs are what a micro-batch runs.
type graphs struct {
	fused      *model.Exec // the only one of a step: forward, backward and update in one graph
	accumulate *model.Exec // forward, backward, add to sums
}

// New checks the setup and creates the optimizer's state, zero. Graphs are
// compiled at the first step.
func New(s Setup) (*Trainer, error) {
	t := &Trainer{Setup: s}
	if len(s.Tensors) == 0 {
		return nil, errors.New("nothing to train")
	}
	for _, x := range s.Tensors {
		v := s.Params.Variable(x.Name)
		if v == nil {
			return nil, fmt.Errorf("train %s: the student has no such tensor", x.Name)
		}
		m, err := t.newMoments(x.Name, v.Shape().Dimensions)
		if err != nil {
			return nil, err
		}
		t.moments = append(t.moments, m)
	}
	var err error
	for _, g := range []struct {
		into    *graphs
		student nn.Net
	}{{&t.full, s.Student}, {&t.bare, withoutWindow(s.Student)}} {
		if g.into.fused, err = model.NewExec(s.Backend, s.Store, t.fusedGraph(g.student)); err != nil {
			return nil, fmt.Errorf("build step: %w", err)
		}
		if g.into.accumulate, err = model.NewExec(s.Backend, s.Store, t.accumulateGraph(g.student)); err != nil {
			return nil, fmt.Errorf("build step: %w", err)
		}
		g.into.fused = s.Devices.spread(g.into.fused, 1, true)
		g.into.accumulate = s.Devices.spread(g.into.accumulate, 1, true)
	}
	if t.apply, err = model.NewExec(s.Backend, s.Store, t.applyGraph); err != nil {
		return nil, fmt.Errorf("build step: %w", err)
	}
	t.apply = t.Devices.spread(t.apply, 2, false)
	return t, nil
}

func withoutWindow(net nn.Net) nn.Net {
	net.NoWindow = true
	return net
}

// of are the graphs that a batch runs.
func (t *Trainer) of(b Batch) graphs {
	if b.NoWindow {
		return t.bare
	}
	return t.full
}

// Step runs one optimizer step: number is 1 for the first, for the correction of
// the moments' bias and the masks of dropout; rates has one learning rate per group. The
// micro-batches have one shape, and all or none of them say what counts: the loss is the
// mean over the tokens of all of them that do.
func (t *Trainer) Step(number int, rates []float64, batches ...Batch) (Metrics, error) {
	control := t.control(number, rates)
	weight, err := tokenWeight(batches)
	if err != nil {
		return Metrics{}, fmt.Errorf("step %d: %w", number, err)
	}
	if len(batches) == 1 {
		if err := t.Params.Redraw(number, 0); err != nil {
			return Metrics{}, fmt.Errorf("step %d: %w", number, err)
		}
		out, err := t.Devices.call(t.of(batches[0]).fused, 1, append([]any{control}, batches[0].inputs(weight)...)...)
		if err != nil {
			return Metrics{}, fmt.Errorf("step %d: %w", number, err)
		}
		return t.metrics(out[0], out[1])
	}
	if err := t.makeSums(); err != nil {
		return Metrics{}, err
	}
	var sum Metrics
	share := 1 / float64(len(batches))
	for i, b := range batches {
		if err := t.Params.Redraw(number, i); err != nil {
			return Metrics{}, fmt.Errorf("step %d: %w", number, err)
		}
		out, err := t.Devices.call(t.of(b).accumulate, 1, append([]any{float32(share)}, b.inputs(weight)...)...)
		if err != nil {
			return Metrics{}, fmt.Errorf("step %d: %w", number, err)
		}
		m, err := t.metrics(out[0], nil)
		if err != nil {
			return Metrics{}, err
		}
		sum.add(m, share)
	}
	out, err := t.Devices.call(t.apply, 2, control, float32(sum.Loss))
	if err != nil {
		return Metrics{}, fmt.Errorf("step %d: %w", number, err)
	}
	m, err := t.metrics(nil, out[0])
	sum.GradNorm, sum.Squares = m.GradNorm, m.Squares
	return sum, err
}

// Parts names the parts of the loss that the last step measured.
func (t *Trainer) Parts() []string {
	names := t.Objective.Parts(t.Student.Model)
	if t.penalised {
		names = append(names, Penalty)
	}
	return names
}

// Close frees the compiled graphs and the optimizer's state.
func (t *Trainer) Close() error {
	for _, e := range []*model.Exec{t.full.fused, t.full.accumulate, t.bare.fused, t.bare.accumulate, t.apply} {
		e.Finalize()
	}
	for _, v := range t.state() {
		if err := t.Store.DeleteVariable(v.Path()); err != nil {
			return err
		}
	}
	return nil
}

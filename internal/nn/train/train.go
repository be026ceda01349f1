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
	"math"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
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

// Batch is B windows of T tokens, row by row.
type Batch struct {
	B, T         int
	IDs, Targets []int32
	Counted      []bool // the tokens that the loss is the mean of; nil: all

	NoWindow bool // train without the softmax windows of linear mixers
	Top      *Top // for [Setup].TopK

	States *States // for [Setup].Cached, in place of IDs and Targets
}

// Top are the most likely tokens of the teacher, see [nn.Top]; row by row.
type Top struct {
	IDs []int32   // [B, T, K]
	Log []float32 // [B, T, K+1]
}

// Metrics is what one optimizer step measured.
type Metrics struct {
	Loss     float64
	Parts    []float64 // see [Trainer.Parts]
	GradNorm float64   // global, before clipping, summed in fp32 as the step saw it
	Squares  []float64 // sum of squares of each trainable tensor's gradient
}

// Finite reports whether loss and gradient are numbers; if not, the step changed nothing.
func (m Metrics) Finite() bool {
	s := m.Loss + m.GradNorm
	return !math.IsNaN(s) && !math.IsInf(s, 0)
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
		g.into.fused = s.Devices.spread(g.into.fused, 1, 3)
		g.into.accumulate = s.Devices.spread(g.into.accumulate, 1, 3)
	}
	if t.apply, err = model.NewExec(s.Backend, s.Store, t.applyGraph); err != nil {
		return nil, fmt.Errorf("build step: %w", err)
	}
	t.apply = t.Devices.spread(t.apply, 2, 2)
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
// the moments' bias and the masks of dropout; rates has one learning rate per group. The micro-batches
// have one shape, and all or none of them say what counts: the loss is the mean over
// the tokens of all of them that do.
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
	for _, m := range t.moments {
		for _, v := range []*model.Variable{m.first, m.second} {
			if err := t.Store.DeleteVariable(v.Path()); err != nil {
				return err
			}
		}
	}
	for _, v := range t.sums {
		if err := t.Store.DeleteVariable(v.Path()); err != nil {
			return err
		}
	}
	return nil
}

// fusedGraph: control and a batch's inputs → losses [1+parts], squares [tensors+1].
func (t *Trainer) fusedGraph(student nn.Net) func(*model.Scope, []*Node) []*Node {
	return func(_ *model.Scope, in []*Node) []*Node {
		control := in[0]
		t.Store.SetTraining(control.Graph(), true)
		losses, grads := t.gradients(student, in[1:])
		return []*Node{losses, t.update(grads, control, Reshape(Slice(losses, AxisElem(0))))}
	}
}

// accumulateGraph: the batch's share and its inputs → losses [1+parts].
func (t *Trainer) accumulateGraph(student nn.Net) func(*model.Scope, []*Node) []*Node {
	return func(_ *model.Scope, in []*Node) []*Node {
		share, g := in[0], in[0].Graph()
		t.Store.SetTraining(g, true)
		losses, grads := t.gradients(student, in[1:])
		for i, grad := range grads {
			t.sums[i].SetNodeValue(Add(t.sums[i].NodeValue(g), Mul(grad, share)))
		}
		return []*Node{losses}
	}
}

// applyGraph: control, the mean loss of the micro-batches → squares [tensors+1].
func (t *Trainer) applyGraph(_ *model.Scope, control, loss *Node) []*Node {
	g := control.Graph()
	t.Store.SetTraining(g, true)
	grads := make([]*Node, len(t.sums))
	for i, v := range t.sums {
		grads[i] = v.NodeValue(g)
	}
	squares := t.update(grads, control, loss)
	for i, v := range t.sums {
		v.SetNodeValue(ZerosLike(grads[i]))
	}
	return []*Node{squares}
}

// gradients builds the loss and its gradient for every trainable tensor, from what
// [Batch.inputs] gave.
func (t *Trainer) gradients(student nn.Net, batch []*Node) (losses *Node, grads []*Node) {
	at := make([]*Node, len(t.Tensors))
	for i, x := range t.Tensors {
		at[i] = t.Params.Weight(batch[0].Graph(), x.Name)
	}
	in := inputs{ids: batch[0], targets: batch[1], trained: at}
	if rest := batch[2:]; t.TopK > 0 {
		in.top = &nn.Top{IDs: rest[0], Log: rest[1]}
		batch = rest
	}
	if len(batch) > 2 {
		in.weights = batch[2]
	}
	var loss *Node
	var parts []*Node
	var penalised bool
	if t.Cached {
		loss, parts, penalised = t.Objective.layerGraph(*t.Teacher, student, in.ids, in.targets, in.weights)
	} else {
		loss, parts, penalised = t.Objective.graph(t.Teacher, student, in)
	}
	t.penalised = penalised
	grads = Gradient(loss, at...)
	return Stack(append([]*Node{loss}, parts...), 0), grads
}

func (t *Trainer) makeSums() error {
	if t.sums != nil {
		return nil
	}
	for _, x := range t.Tensors {
		dims := t.Params.Variable(x.Name).Shape().Dimensions
		v, err := t.zeros("/optimizer/sum/"+x.Name, dims)
		if err != nil {
			return err
		}
		t.sums = append(t.sums, v)
	}
	return nil
}

func (t *Trainer) metrics(losses, squares *tensors.Tensor) (Metrics, error) {
	var m Metrics
	if losses != nil {
		flat, err := tensors.CopyFlatData[float32](losses)
		if err != nil {
			return m, fmt.Errorf("read losses: %w", err)
		}
		m.Loss = float64(flat[0])
		for _, x := range flat[1:] {
			m.Parts = append(m.Parts, float64(x))
		}
	}
	if squares != nil {
		flat, err := tensors.CopyFlatData[float32](squares)
		if err != nil {
			return m, fmt.Errorf("read gradient norms: %w", err)
		}
		for _, x := range flat[:len(flat)-1] {
			m.Squares = append(m.Squares, float64(x))
		}
		m.GradNorm = float64(flat[len(flat)-1])
	}
	return m, nil
}

func (m *Metrics) add(x Metrics, share float64) {
	m.Loss += share * x.Loss
	if m.Parts == nil {
		m.Parts = make([]float64, len(x.Parts))
	}
	for i, p := range x.Parts {
		m.Parts[i] += share * p
	}
}

// inputs are what the graph takes of a batch: ids and targets, [B, T], or cached states,
// the teacher's top logits where it holds them, and where not every token counts the
// weight of each.
func (b Batch) inputs(weight float32) []any {
	var in []any
	if b.States != nil {
		in = b.States.inputs(b.B, b.T)
	} else {
		in = []any{tensors.FromFlatDataAndDimensions(b.IDs, b.B, b.T), tensors.FromFlatDataAndDimensions(b.Targets, b.B, b.T)}
	}
	if top := b.Top; top != nil {
		k := len(top.IDs) / (b.B * b.T)
		in = append(in,
			tensors.FromFlatDataAndDimensions(top.IDs, b.B, b.T, k),
			tensors.FromFlatDataAndDimensions(top.Log, b.B, b.T, k+1))
	}
	if b.Counted == nil {
		return in
	}
	weights := make([]float32, len(b.Counted))
	for i, counted := range b.Counted {
		if counted {
			weights[i] = weight
		}
	}
	return append(in, tensors.FromFlatDataAndDimensions(weights, b.B, b.T))
}

// tokenWeight is what a token that counts weighs in its batch's loss, so that the
// mean over batches is the mean over such tokens.
func tokenWeight(batches []Batch) (float32, error) {
	counted := 0
	for _, b := range batches {
		if (b.Counted == nil) != (batches[0].Counted == nil) {
			return 0, errors.New("got batches with and without a loss mask, want all alike")
		}
		for _, c := range b.Counted {
			if c {
				counted++
			}
		}
	}
	if batches[0].Counted != nil && counted == 0 {
		return 0, errors.New("no token counts for the loss")
	}
	return float32(float64(len(batches)) / float64(max(1, counted))), nil
}

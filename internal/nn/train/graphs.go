package train

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

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

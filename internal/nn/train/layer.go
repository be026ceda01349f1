package train

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Block runs the layers of a teacher one at a time over hidden states. One compiled
// graph serves all layers that are built alike.
type Block struct {
	store  *model.Store
	params *nn.Params
	exec   *model.Exec
	model  *arch.Model
	builds int // of the graph
}

// NewBlock is for layers that are built as the one of a model of [arch.Model.Single].
func NewBlock(backend compute.Backend, one *arch.Model, target nn.Target) (*Block, error) {
	b := &Block{store: nn.NewStore(), model: one}
	b.params = nn.NewParams(b.store, "teacher").On(backend)
	net := nn.Net{Model: one, Weights: b.params}
	var err error
	b.exec, err = model.NewExec(backend, b.store, func(_ *model.Scope, x *Node) []*Node {
		b.builds++
		b.store.SetTraining(x.Graph(), true) // else the tensors are constants of the graph, of one layer for ever
		mixed, next := net.Block(x, target)
		return []*Node{mixed, next}
	})
	if err != nil {
		return nil, fmt.Errorf("build block: %w", err)
	}
	return b, nil
}

// Serves reports whether this block can run the layer that one has.
func (b *Block) Serves(one *arch.Model) bool { return b.model.Same(one) }

// Params are the layer's tensors, to be filled by [nn.Params.LoadLayer].
func (b *Block) Params() *nn.Params { return b.params }

// Run computes what the layer makes of hidden states: what its mixer gives, as the target
// has it, and the hidden states behind it. All are in row order, [batch, tokens, ·] as
// [nn.Net.Block] says.
func (b *Block) Run(x []float32, batch, tokens int) (mixed, next []float32, err error) {
	out, err := b.exec.Exec(tensors.FromFlatDataAndDimensions(x, batch, tokens, b.model.Hidden))
	if err != nil {
		return nil, nil, fmt.Errorf("run block: %w", err)
	}
	if mixed, err = nn.Take(out[0]); err == nil {
		next, err = nn.Take(out[1])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read block: %w", err)
	}
	return mixed, next, nil
}

// Close frees the graph and the tensors.
func (b *Block) Close() {
	b.exec.Finalize()
	b.store.Finalize()
}

// States are the hidden states of a batch for the training of one layer: what the
// teacher's [Block] was given, and what its mixer made of them.
type States struct{ Hidden, Mixed []float32 }

// inputs are the two as a graph takes them, [B, T, E] and [B, T, …].
func (s *States) inputs(batch, tokens int) []any {
	shaped := func(data []float32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(data, batch, tokens, len(data)/(batch*tokens))
	}
	return []any{shaped(s.Hidden), shaped(s.Mixed)}
}

// Share is an alignment's objective for one of so many layers: what it adds to the mean
// over all.
func (o Objective) Share(layers int) Objective {
	for _, weight := range []*float64{&o.MSE, &o.L2, &o.Cosine, &o.Attention} {
		*weight /= float64(layers)
	}
	return o
}

// layerGraph is [Objective.graph] for one layer from its cached states.
func (o Objective) layerGraph(teacher, student nn.Net, hidden, mixed, weights *Node) (loss *Node, parts []*Node, penalised bool) {
	var penalties []*Node
	student = student.ForTraining()
	student.Penalty = func(term *Node) { penalties = append(penalties, term) }
	pair := nn.AlignLayer(teacher, student, hidden, mixed, o.Target)
	loss, parts = o.align(teacher, student, []nn.Aligned{pair}, weights)
	return penalise(loss, parts, penalties)
}

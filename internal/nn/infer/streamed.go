package infer

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Streamed is a model that is run a layer at a time, for one that is larger than memory
// and only asked once: each layer is read and compiled anew.
type Streamed struct {
	Backend compute.Backend
	Model   *arch.Model
	Read    func(tensor string) ([]float32, error) // by the model's names
	Low     []Low                                  // beside the weights
}

// Low is the low-rank correction Scale·B·A of a linear module.
type Low struct {
	Module     string
	R, In, Out int
	Scale      float64
	A, B       []float32 // [R, In], [Out, R]
}

// Logits returns the logits after every token of one sequence, [T·V] in row order.
func (s Streamed) Logits(ids []int) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errNoTokens
	}
	row := make([]int32, len(ids))
	for i, id := range ids {
		row[i] = int32(id)
	}
	width := s.Model.Hidden
	x, err := s.run(s.Model, s.ends("embedding"), nn.Net.Embed, tensors.FromFlatDataAndDimensions(row, 1, len(row)))
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	next := func(n nn.Net, x *graph.Node) *graph.Node {
		_, next := n.Block(x, nn.PreO)
		return next
	}
	for i := range s.Model.Layers {
		in := tensors.FromFlatDataAndDimensions(x, 1, len(row), width)
		if x, err = s.run(s.Model.Single(i), s.layer(i), next, in); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	head := []string{"norm", "head"}
	if s.Model.Tied {
		head = append(head, "embedding")
	}
	if x, err = s.run(s.Model, s.ends(head...), nn.Net.Logits, tensors.FromFlatDataAndDimensions(x, 1, len(row), width)); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	return x, nil
}

// run computes a part of the model with tensors that fill loads, and frees them.
func (s Streamed) run(m *arch.Model, fill func(*nn.Params) error, build func(nn.Net, *graph.Node) *graph.Node, in *tensors.Tensor) ([]float32, error) {
	defer runtime.GC() // the collector alone would let parts pile up
	store := nn.NewStore()
	defer store.Finalize()
	params := nn.NewParams(store, "part")
	if err := fill(params); err != nil {
		return nil, err
	}
	net := nn.Net{Model: m, Weights: params}
	live := Model{Backend: s.Backend, Store: store, Net: net, Live: true} // so that weights are not copied into the code
	exec, err := live.exec(func(in []*graph.Node) []*graph.Node { return []*graph.Node{build(net, in[0])} })
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	return call(exec, in)
}

func call(exec *model.Exec, in *tensors.Tensor) ([]float32, error) {
	out, err := exec.Call1(in)
	if err != nil {
		return nil, err
	}
	return nn.Take(out)
}

// ends loads the tensors of these groups outside the layers.
func (s Streamed) ends(groups ...string) func(*nn.Params) error {
	return func(p *nn.Params) error {
		for _, w := range s.Model.Weights() {
			if w.Layer >= 0 || !slices.Contains(groups, w.Group) {
				continue
			}
			data, err := s.Read(w.Name)
			if err != nil {
				return err
			}
			if err := p.Set(w.Name, w.Shape, data); err != nil {
				return err
			}
			if err := s.adapt(p, w.Name, w.Name); err != nil {
				return err
			}
		}
		return nil
	}
}

// layer loads a layer's tensors under the names of layer 0.
func (s Streamed) layer(i int) func(*nn.Params) error {
	return func(p *nn.Params) error {
		if err := p.LoadLayer(s.Model, i, nil, s.Read); err != nil {
			return err
		}
		own := s.Model.Single(i).LayerWeights(0)
		for k, w := range s.Model.LayerWeights(i) {
			if err := s.adapt(p, w.Name, own[k].Name); err != nil {
				return err
			}
		}
		return nil
	}
}

// adapt puts the correction of a weight's module, if it has one, on the weight that has
// this name in the part.
func (s Streamed) adapt(p *nn.Params, weight, here string) error {
	module, ok := strings.CutSuffix(weight, ".weight")
	i := slices.IndexFunc(s.Low, func(l Low) bool { return l.Module == module })
	if !ok || i < 0 {
		return nil
	}
	l, module := s.Low[i], strings.TrimSuffix(here, ".weight")
	if err := p.Set(module+nn.LoRAA, []int{l.R, l.In}, l.A); err != nil {
		return err
	}
	if err := p.Set(module+nn.LoRAB, []int{l.Out, l.R}, l.B); err != nil {
		return err
	}
	p.Adapt(module, l.Scale)
	return nil
}

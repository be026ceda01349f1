package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Store holds the variables of the models that run together, under this name for
// packages that build no graphs.
type Store = model.Store

// NewStore returns an empty store.
func NewStore() *Store { return model.NewStore() }

// Params are the tensors of one model as fp32 variables of a GoMLX store, named
// scope + "/" + checkpoint name.
type Params struct {
	store    *model.Store
	scope    string
	backend  compute.Backend // of [Params.On]
	names    []string
	adapters map[string]adapter // by module
}

// adapter is how a module's low-rank tensors are applied.
type adapter struct {
	scale, dropout float64
	salt           uint64
}

var (
	_ ops.Weights = (*Params)(nil)
	_ ops.Adapted = (*Params)(nil)
)

// NewParams returns an empty set; scope keeps the models of one store apart.
func NewParams(store *model.Store, scope string) *Params {
	return &Params{store: store, scope: scope, adapters: map[string]adapter{}}
}

// On puts the tensors that are set from now on on the first device of a backend, and keeps
// no copy on the host. Without it they are on the host until a graph takes them, and where
// devices have memory of their own those that no graph changes stay there too.
func (p *Params) On(b compute.Backend) *Params {
	p.backend = b
	return p
}

// Reader is where tensors come from: a [checkpoints.Folder] or a [checkpoints.File].
type Reader interface {
	Tensor(name string) (checkpoints.Tensor, error)
}

// LoadParams reads every tensor of m that want accepts (nil: all) from the
// folder, widened to fp32. None is trainable.
func LoadParams(store *model.Store, scope string, folder Reader, m *arch.Model, want func(arch.Weight) bool) (*Params, error) {
	p := NewParams(store, scope)
	return p, p.Load(folder, m, want)
}

// Load is [LoadParams] into p.
func (p *Params) Load(folder Reader, m *arch.Model, want func(arch.Weight) bool) error {
	for _, w := range m.Weights() {
		if want != nil && !want(w) {
			continue
		}
		t, err := folder.Tensor(w.Name)
		if err != nil {
			return err
		}
		if !slices.Equal(t.Shape, w.Shape) {
			return fmt.Errorf("tensor %s: shape %v, want %v by config.json", w.Name, t.Shape, w.Shape)
		}
		data, err := t.Float32()
		if err != nil {
			return err
		}
		if err := p.Set(w.Name, w.Shape, data); err != nil {
			return err
		}
	}
	return nil
}

// Set adds a tensor, or gives it a new value, in row order. The error is for data that is
// not as large as the shape.
func (p *Params) Set(name string, shape []int, data []float32) error {
	n := 1
	for _, d := range shape {
		n *= d
	}
	if n != len(data) {
		return fmt.Errorf("tensor %s: got %d elements, want %d for shape %v", name, len(data), n, shape)
	}
	value, err := OnDevice(p.backend, shape, data)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", name, err)
	}
	if v := p.Variable(name); v != nil {
		return v.SetValue(value)
	}
	v, err := p.store.CreateVariable(p.path(name), value)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", name, err)
	}
	v.SetTrainable(false)
	p.names = append(p.names, name)
	return nil
}

// Names lists the tensors in the order in which they were added.
func (p *Params) Names() []string { return p.names }

// Variable returns the variable of a tensor, or nil.
func (p *Params) Variable(name string) *model.Variable { return p.store.GetVariable(p.path(name)) }

// Float32 returns a copy of a tensor's present value, in row order.
func (p *Params) Float32(name string) ([]float32, error) {
	v := p.Variable(name)
	if v == nil {
		return nil, fmt.Errorf("tensor %s: the model has none of this name", name)
	}
	data, err := Values(v)
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w", name, err)
	}
	return data, nil
}

// OnDevice is an fp32 tensor of these numbers, which are in row order, on the first device
// of a backend, and nowhere else; for nil it is on the host.
func OnDevice(b compute.Backend, shape []int, data []float32) (*tensors.Tensor, error) {
	return tensors.FromRaw(b, 0, shapes.Make(dtypes.Float32, shape...), dtypes.UnsafeByteSlice(data))
}

// Values returns a copy of a variable's numbers, and leaves none on the host where a
// device has them.
func Values(v *model.Variable) ([]float32, error) {
	value, err := v.Value()
	if err != nil {
		return nil, err
	}
	data, err := tensors.CopyFlatData[float32](value)
	if value.IsOnAnyDevice() {
		value.FinalizeLocal()
	}
	return data, err
}

// Take returns a copy of a result's numbers and frees it, without waiting for the collector.
func Take(t *tensors.Tensor) ([]float32, error) {
	data, err := tensors.CopyFlatData[float32](t)
	return data, errors.Join(err, t.FinalizeAll())
}

// Has reports whether there is a tensor of this name.
func (p *Params) Has(name string) bool { return p.Variable(name) != nil }

// Weight returns a tensor's value in the graph.
func (p *Params) Weight(g *Graph, name string) *Node {
	v := p.Variable(name)
	if v == nil {
		exceptions.Panicf("tensor %s: not loaded for %s", name, p.scope)
	}
	return v.NodeValue(g)
}

func (p *Params) path(name string) string { return "/" + p.scope + "/" + name }

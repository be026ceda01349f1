package train

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// moments are AdamW's of a trainable tensor, of its shape.
type moments struct{ first, second *model.Variable }

func (t *Trainer) newMoments(name string, dims []int) (moments, error) {
	first, err := t.zeros("/optimizer/m/"+name, dims)
	if err != nil {
		return moments{}, err
	}
	second, err := t.zeros("/optimizer/v/"+name, dims)
	return moments{first, second}, err
}

// makeSums makes what several micro-batches add their gradients to, at the first step that
// has several.
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

// Moments returns the optimizer's two moments of trainable tensor i of [Setup].Tensors, in
// row order.
func (t *Trainer) Moments(i int) (first, second []float32, err error) {
	for _, x := range []struct {
		from *model.Variable
		into *[]float32
	}{{t.moments[i].first, &first}, {t.moments[i].second, &second}} {
		var err error
		if *x.into, err = nn.Values(x.from); err != nil {
			return nil, nil, fmt.Errorf("moments of %s: %w", t.Tensors[i].Name, err)
		}
	}
	return first, second, nil
}

// SetMoments restores what [Trainer.Moments] returned.
func (t *Trainer) SetMoments(i int, first, second []float32) error {
	dims := t.moments[i].first.Shape().Dimensions
	for _, x := range []struct {
		into *model.Variable
		data []float32
	}{{t.moments[i].first, first}, {t.moments[i].second, second}} {
		if len(x.data) != x.into.Shape().Size() {
			return fmt.Errorf("moments of %s: got %d elements, want %d", t.Tensors[i].Name, len(x.data), x.into.Shape().Size())
		}
		value, err := nn.OnDevice(t.place(), dims, x.data)
		if err == nil {
			err = x.into.SetValue(value)
		}
		if err != nil {
			return fmt.Errorf("moments of %s: %w", t.Tensors[i].Name, err)
		}
	}
	return nil
}

// zeros is a variable of the optimizer's state.
func (t *Trainer) zeros(path string, dims []int) (*model.Variable, error) {
	value, err := t.zero(dims)
	if err != nil {
		return nil, fmt.Errorf("optimizer state %s: %w", path, err)
	}
	v, err := t.Store.CreateVariable(path, value)
	if err != nil {
		return nil, fmt.Errorf("optimizer state %s: %w", path, err)
	}
	return v.SetTrainable(false), nil
}

// zero is a tensor of zeros where the optimizer's state is kept.
func (t *Trainer) zero(dims []int) (*tensors.Tensor, error) {
	value, err := tensors.FromShapeForBackend(t.place(), 0, shapes.Make(dtypes.Float32, dims...))
	if err == nil && t.place() != nil {
		err = value.ToDevice(t.Backend, 0)
	}
	return value, err
}

// place is the backend whose memory has the optimizer's state, the host's being nil:
// several devices share it out from there.
func (t *Trainer) place() compute.Backend {
	if t.Devices != nil {
		return nil
	}
	return t.Backend
}

// Restart makes the trainer ready for another layer: moments and sums are zero again. The
// tensors are the caller's to set.
func (t *Trainer) Restart() error {
	for _, v := range t.state() {
		value, err := t.zero(v.Shape().Dimensions)
		if err == nil {
			err = v.SetValue(value)
		}
		if err != nil {
			return fmt.Errorf("optimizer state: %w", err)
		}
	}
	return nil
}

// state are the variables of the optimizer.
func (t *Trainer) state() []*model.Variable {
	var all []*model.Variable
	for _, m := range t.moments {
		all = append(all, m.first, m.second)
	}
	return append(all, t.sums...)
}

// Release frees the values of the optimizer's state until the next [Trainer.Restart].
func (t *Trainer) Release() error {
	for _, v := range t.state() {
		if err := v.Reset(); err != nil {
			return fmt.Errorf("optimizer state: %w", err)
		}
	}
	return nil
}

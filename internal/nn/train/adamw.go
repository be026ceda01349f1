package train

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// AdamW is Adam with decoupled weight decay and global-norm clipping, fp32.
//
//	c = min(1, ClipNorm / (‖g‖ + 1e-6)),  g ← c·g
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²
//	p ← p − lr·(WeightDecay·p + (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + Eps))
//
// A loss or a gradient norm that is not finite leaves p, m and v as they were.
//
// Source: Loshchilov & Hutter 2019, arXiv:1711.05101; constants as in torch.
type AdamW struct {
	Beta1, Beta2, Eps float64
	WeightDecay       float64
	ClipNorm          float64 // 0: no clipping
}

type moments struct{ first, second *model.Variable }

func (t *Trainer) newMoments(name string, dims []int) (moments, error) {
	first, err := t.zeros("/optimizer/m/"+name, dims)
	if err != nil {
		return moments{}, err
	}
	second, err := t.zeros("/optimizer/v/"+name, dims)
	return moments{first, second}, err
}

// control packs what changes from step to step into one vector:
// 1/(1−β₁ᵗ), 1/(1−β₂ᵗ), then the learning rate of each group.
func (t *Trainer) control(number int, rates []float64) []float32 {
	o := t.Optimizer
	c := []float32{
		float32(1 / (1 - math.Pow(o.Beta1, float64(number)))),
		float32(1 / (1 - math.Pow(o.Beta2, float64(number)))),
	}
	for _, r := range rates {
		c = append(c, float32(r))
	}
	return c
}

// update writes the new values of all trainable tensors and their moments. It
// returns the sum of squares of each tensor's gradient before clipping, and last
// the norm of all of them: [tensors+1].
func (t *Trainer) update(grads []*Node, control, loss *Node) *Node {
	o, g := t.Optimizer, control.Graph()
	at := func(i int) *Node { return Reshape(Slice(control, AxisElem(i))) }
	squares := make([]*Node, len(grads))
	for i, grad := range grads {
		squares[i] = ReduceAllSum(Square(grad))
	}
	norm := Sqrt(sum(squares))
	ok := LogicalAnd(IsFinite(norm), IsFinite(loss))
	clip := ScalarOne(g, norm.DType())
	if o.ClipNorm > 0 {
		clip = Min(clip, Div(Scalar(g, norm.DType(), o.ClipNorm), AddScalar(norm, 1e-6)))
	}
	for i, x := range t.Tensors {
		grad := Mul(grads[i], clip)
		m0, v0 := t.moments[i].first.NodeValue(g), t.moments[i].second.NodeValue(g)
		m := Add(MulScalar(m0, o.Beta1), MulScalar(grad, 1-o.Beta1))
		v := Add(MulScalar(v0, o.Beta2), MulScalar(Square(grad), 1-o.Beta2))
		step := Div(Mul(m, at(0)), AddScalar(Sqrt(Mul(v, at(1))), o.Eps))
		variable := t.Params.Variable(x.Name)
		p := variable.NodeValue(g)
		if x.Decay && o.WeightDecay > 0 {
			step = Add(step, MulScalar(p, o.WeightDecay))
		}
		variable.SetNodeValue(Where(ok, Sub(p, Mul(step, at(2+x.Group))), p))
		t.moments[i].first.SetNodeValue(Where(ok, m, m0))
		t.moments[i].second.SetNodeValue(Where(ok, v, v0))
	}
	return Stack(append(squares, norm), 0)
}

// Moments returns the optimizer's two moments of a trainable tensor.
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

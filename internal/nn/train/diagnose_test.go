package train_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// A weight that is not a number changes nothing else, and is found.
func TestDiagnose(t *testing.T) {
	r := newRig(t, train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
	name := r.model.Attention(1) + ".o_proj.weight"
	poison, err := r.params.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	shape := r.params.Variable(name).Shape().Dimensions
	good := append([]float32{}, poison...)
	poison[5] = float32(math.NaN())
	if err := r.params.Set(name, shape, poison); err != nil {
		t.Fatal(err)
	}
	before := r.values(t)
	b := r.batch(2, 7, 3)
	m, err := r.trainer.Step(1, []float64{1e-3}, b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Finite() {
		t.Fatalf("step is finite: %+v", m)
	}
	for n, data := range r.values(t) {
		for i := range data {
			if data[i] != before[n][i] && n != name {
				t.Fatalf("%s[%d] changed from %g to %g", n, i, before[n][i], data[i])
			}
		}
	}
	where, err := r.trainer.Diagnose(m, b)
	if err != nil {
		t.Fatal(err)
	}
	if want := "layer 1: tensor " + name + " is NaN at element 5"; where != want {
		t.Errorf("Diagnose() = %q, want %q", where, want)
	}

	// Weights that are numbers, and a block that overflows with them.
	for i := range good {
		good[i] *= 3e38
	}
	if err := r.params.Set(name, shape, good); err != nil {
		t.Fatal(err)
	}
	if m, err = r.trainer.Step(1, []float64{1e-3}, b); err != nil || m.Finite() {
		t.Fatalf("Step() = %+v, %v; want one that is not finite", m, err)
	}
	if where, err = r.trainer.Diagnose(m, b); err != nil {
		t.Fatal(err)
	}
	if want := "layer 1: the output of its block is not finite"; where != want {
		t.Errorf("Diagnose() = %q, want %q", where, want)
	}

	// An adapter's tensor is not one of the model's, and still has a layer.
	module := r.model.Attention(1) + ".q_proj"
	for i := range good {
		good[i] /= 3e38
	}
	if err := errors.Join(
		r.params.Set(name, shape, good),
		r.params.Set(module+nn.LoRAA, []int{1, r.model.Hidden}, make([]float32, r.model.Hidden)),
		r.params.Set(module+nn.LoRAB, []int{r.model.Queries(), 1}, slices.Repeat([]float32{float32(math.Inf(1))}, r.model.Queries())),
	); err != nil {
		t.Fatal(err)
	}
	if where, err = r.trainer.Diagnose(m, b); err != nil {
		t.Fatal(err)
	}
	if want := "layer 1: tensor " + module + nn.LoRAB + " is +Inf at element 0"; where != want {
		t.Errorf("Diagnose() = %q, want %q", where, want)
	}
}

// A loss that overflows where its gradient does not makes a step that changes
// nothing, whole or in micro-batches.
func TestLossOverflow(t *testing.T) {
	teacher := newRig(t, train.AdamW{})
	for i := range teacher.model.Layers {
		name := teacher.model.Attention(i) + ".v_proj.weight"
		far, err := teacher.params.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range far {
			far[i] *= 1e18
		}
		if err := teacher.params.Set(name, teacher.params.Variable(name).Shape().Dimensions, far); err != nil {
			t.Fatal(err)
		}
	}
	mixer, err := arch.ParseMixer("mamba2")
	if err != nil {
		t.Fatal(err)
	}
	student, err := teacher.model.WithMixers(slices.Repeat([]arch.Mixer{mixer}, teacher.model.Layers))
	if err != nil {
		t.Fatal(err)
	}
	params := nn.NewParams(teacher.trainer.Store, "converted")
	for _, w := range student.Weights() {
		n := 1
		for _, d := range w.Shape {
			n *= d
		}
		if err := params.Set(w.Name, w.Shape, slices.Repeat([]float32{0.1}, n)); err != nil {
			t.Fatal(err)
		}
	}
	setup := teacher.trainer.Setup
	setup.Teacher = &nn.Net{Model: teacher.model, Weights: teacher.params}
	setup.Student, setup.Params = nn.Net{Model: student, Weights: params}, params
	setup.Objective, setup.Optimizer = train.Objective{MSE: 1}, train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
	name := student.Attention(0) + ".mixer.norm.weight"
	setup.Tensors = []train.Tensor{{Name: name}}
	trainer, err := train.New(setup)
	if err != nil {
		t.Fatal(err)
	}
	b := teacher.batch(2, 7, 3)
	for _, batches := range [][]train.Batch{{b}, {b, b}} {
		m, err := trainer.Step(1, []float64{1e-3}, batches...)
		if err != nil {
			t.Fatal(err)
		}
		if !math.IsInf(m.Loss, 1) || math.IsInf(m.GradNorm, 0) || math.IsNaN(m.GradNorm) || m.Finite() {
			t.Fatalf("got loss %g and norm %g, want an infinite loss beside a finite norm", m.Loss, m.GradNorm)
		}
		after, err := params.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(after, func(x float32) bool { return x != 0.1 }) {
			t.Fatalf("%d micro-batches: the step changed %s: %v", len(batches), name, after)
		}
	}
}

package train_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// rig is a tiny student that learns next tokens, every tensor trainable.
type rig struct {
	model   *arch.Model
	params  *nn.Params
	trainer *train.Trainer
}

func newRig(t *testing.T, o train.AdamW) rig {
	t.Helper()
	folder, err := checkpoints.Open(testmodel.Llama(t, testmodel.Options{Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	params, err := nn.LoadParams(store, "student", folder, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	setup := train.Setup{
		Backend: enginetest.Open(t), Store: store, Student: nn.Net{Model: m, Weights: params}, Params: params,
		Objective: train.Objective{CE: 1}, Optimizer: o,
	}
	for _, w := range m.Weights() {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name, Decay: len(w.Shape) > 1})
	}
	trainer, err := train.New(setup)
	if err != nil {
		t.Fatal(err)
	}
	return rig{m, params, trainer}
}

func (r rig) batch(b, n int, seed uint64) train.Batch {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := train.Batch{B: b, T: n}
	for range b * n {
		x.IDs = append(x.IDs, rng.Int32N(int32(r.model.Vocab)))
		x.Targets = append(x.Targets, rng.Int32N(int32(r.model.Vocab)))
	}
	return x
}

func (r rig) values(t *testing.T) map[string][]float32 {
	t.Helper()
	all := map[string][]float32{}
	for _, name := range r.params.Names() {
		data, err := r.params.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	return all
}

// The graph's AdamW against the formula in plain float64, over several steps with
// changing rates. The gradient of a step is recovered from the first moment.
func TestAdamW(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 0.5}
	r := newRig(t, o)
	names := r.params.Names()
	p := map[string][]float64{}
	m, v := map[string][]float64{}, map[string][]float64{}
	for name, data := range r.values(t) {
		m[name], v[name] = make([]float64, len(data)), make([]float64, len(data))
		for _, x := range data {
			p[name] = append(p[name], float64(x))
		}
	}
	for step := 1; step <= 3; step++ {
		rate := 1e-2 / float64(step)
		before, err := r.trainer.Step(step, []float64{rate}, r.batch(2, 7, uint64(step)))
		if err != nil {
			t.Fatal(err)
		}
		clip := min(1, o.ClipNorm/(before.GradNorm+1e-6))
		if clip == 1 {
			t.Fatalf("gradient norm %g does not clip: the test shows nothing", before.GradNorm)
		}
		var clipped float64
		got := r.values(t)
		for i, name := range names {
			first, _, err := r.trainer.Moments(i)
			if err != nil {
				t.Fatal(err)
			}
			for j := range first {
				g := (float64(first[j]) - o.Beta1*m[name][j]) / (1 - o.Beta1)
				clipped += g * g
				m[name][j] = float64(first[j])
				v[name][j] = o.Beta2*v[name][j] + (1-o.Beta2)*g*g
				update := m[name][j] / (1 - math.Pow(o.Beta1, float64(step))) /
					(math.Sqrt(v[name][j]/(1-math.Pow(o.Beta2, float64(step)))) + o.Eps)
				if strings.HasSuffix(name, "norm.weight") { // vectors do not decay
					p[name][j] -= rate * update
				} else {
					p[name][j] -= rate * (update + o.WeightDecay*p[name][j])
				}
				if d := math.Abs(p[name][j] - float64(got[name][j])); d > 2e-4*rate+1e-6 {
					t.Fatalf("step %d, %s[%d]: got %g, want %g", step, name, j, got[name][j], p[name][j])
				}
			}
		}
		if d := math.Abs(math.Sqrt(clipped) - o.ClipNorm); d > 1e-3 {
			t.Errorf("step %d: clipped gradient has norm %g, want %g", step, math.Sqrt(clipped), o.ClipNorm)
		}
	}
}

// Two micro-batches are one batch of both: the same loss, the same step.
func TestAccumulation(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, ClipNorm: 1}
	whole, parts := newRig(t, o), newRig(t, o)
	for step := 1; step <= 2; step++ {
		a, b := whole.batch(2, 9, uint64(step)), whole.batch(2, 9, uint64(100+step))
		both := train.Batch{B: 4, T: 9, IDs: append(append([]int32{}, a.IDs...), b.IDs...), Targets: append(append([]int32{}, a.Targets...), b.Targets...)}
		want, err := whole.trainer.Step(step, []float64{1e-3}, both)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parts.trainer.Step(step, []float64{1e-3}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-5 || math.Abs(got.GradNorm-want.GradNorm) > 1e-4*want.GradNorm {
			t.Errorf("step %d: got loss %g norm %g, want %g and %g", step, got.Loss, got.GradNorm, want.Loss, want.GradNorm)
		}
	}
	want := whole.values(t)
	for name, data := range parts.values(t) {
		for i := range data {
			// Adam divides by the root of the second moment: where a gradient is
			// nearly zero its rounding error decides the sign of a whole step.
			if d := math.Abs(float64(data[i] - want[name][i])); d > 4e-3 {
				t.Fatalf("%s[%d]: got %g, want %g", name, i, data[i], want[name][i])
			}
		}
	}
}

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

// Tokens that do not count have no part in loss and gradient: two micro-batches with
// masks of different numbers are one batch of both, and what masked targets are does
// not matter.
func TestMask(t *testing.T) {
	o := train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, ClipNorm: 1}
	whole, parts := newRig(t, o), newRig(t, o)
	rng := rand.New(rand.NewPCG(5, 0))
	for step := 1; step <= 2; step++ {
		a, b := whole.batch(2, 9, uint64(step)), whole.batch(2, 9, uint64(100+step))
		for i := range 18 {
			a.Counted = append(a.Counted, i%9 == 3)
			b.Counted = append(b.Counted, i%9 > 1)
		}
		both := train.Batch{
			B: 4, T: 9, IDs: slices.Concat(a.IDs, b.IDs), Targets: slices.Concat(a.Targets, b.Targets), Counted: slices.Concat(a.Counted, b.Counted),
		}
		want, err := whole.trainer.Step(step, []float64{1e-3}, both)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Targets {
			if !a.Counted[i] {
				a.Targets[i] = rng.Int32N(int32(whole.model.Vocab))
			}
		}
		got, err := parts.trainer.Step(step, []float64{1e-3}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-5 || math.Abs(got.Parts[0]-want.Parts[0]) > 1e-5 || math.Abs(got.GradNorm-want.GradNorm) > 1e-4*want.GradNorm {
			t.Errorf("step %d: got loss %g norm %g, want %g and %g", step, got.Loss, got.GradNorm, want.Loss, want.GradNorm)
		}
	}
	a, b := whole.batch(2, 9, 7), whole.batch(2, 9, 8)
	a.Counted = make([]bool, 18)
	for want, batches := range map[string][]train.Batch{
		"no token counts for the loss":                {a},
		"got batches with and without a loss mask":    {a, b},
		"step 3: got batches with and without a loss": {b, a},
	} {
		if _, err := whole.trainer.Step(3, []float64{1e-3}, batches...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Step() is %v, want %q", err, want)
		}
	}
}

// newPair is a student with a linear layer whose teacher has its weights.
func newPair(t *testing.T, objective train.Objective) rig {
	t.Helper()
	net, store := nntest.Random(t, map[string]any{
		"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "head_dim": 8, "tie_word_embeddings": false,
	}, "hedgehog,window=8", "softmax")
	params := net.Weights.(*nn.Params)
	teacher := nn.Net{Model: nntest.WithMixers(t, net.Model, "softmax", "softmax"), Weights: params}
	trainer, err := train.New(train.Setup{
		Backend: enginetest.Open(t), Store: store, Teacher: &teacher, Student: net, Params: params, Objective: objective,
		Tensors:   []train.Tensor{{Name: net.Model.Attention(0) + ".q_proj.weight"}},
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8},
	})
	if err != nil {
		t.Fatal(err)
	}
	return rig{net.Model, params, trainer}
}

// A mask of every token is none, in every kind of objective.
func TestFullMask(t *testing.T) {
	for name, objective := range map[string]train.Objective{
		"align": {MSE: 10}, "align post_o": {MSE: 10, Target: nn.PostO}, "distill": {KL: 1, CE: 0.5, Temperature: 2},
	} {
		var losses [2]train.Metrics
		for i := range losses {
			r := newPair(t, objective)
			b := r.batch(2, 20, 4)
			if i == 1 {
				b.Counted = slices.Repeat([]bool{true}, 40)
			}
			var err error
			if losses[i], err = r.trainer.Step(1, []float64{1e-3}, b); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := losses[0], losses[1]; a.Loss == 0 || math.Abs(a.Loss-b.Loss) > 1e-5*a.Loss || math.Abs(a.GradNorm-b.GradNorm) > 1e-4*a.GradNorm {
			t.Errorf("%s: without a mask loss %g norm %g, with one of all %g and %g", name, a.Loss, a.GradNorm, b.Loss, b.GradNorm)
		}
	}
}

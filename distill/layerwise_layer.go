package distill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/hidden"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// layerTrainer is a trainer and what its variables are.
type layerTrainer struct {
	*train.Trainer
	store   *nn.Store
	teacher nn.Net // of the norm before the mixer
	norm    *nn.Params
}

// trainer is a trainer with the layer's tensors as training has left them.
func (w *layerwise) trainer(layer int) (*layerTrainer, error) {
	teacher, student := w.teacher.Model.Single(layer), w.plan.student.Single(layer)
	at := slices.IndexFunc(w.trainers, func(t *layerTrainer) bool {
		return t.teacher.Model.Same(teacher) && t.Student.Model.Same(student)
	})
	if at >= 0 {
		t := w.trainers[at]
		return t, errors.Join(w.fill(t.norm, t.Params, layer), t.Restart())
	}
	t := &layerTrainer{store: nn.NewStore()}
	t.norm = w.onEngine(nn.NewParams(t.store, "teacher"))
	t.teacher = nn.Net{Model: teacher, Weights: t.norm}
	params := w.onEngine(nn.NewParams(t.store, "student"))
	if err := w.fill(t.norm, params, layer); err != nil {
		return nil, err
	}
	setup := train.Setup{
		Backend: w.backend, Store: t.store, Teacher: &t.teacher, Student: nn.Net{Model: student, Weights: params}, Params: params,
		Objective: objective(w.stage).Share(linear(w.plan.student)), Optimizer: optimizer(w.stage), Cached: true, Devices: w.devices,
	}
	for _, x := range w.plan.trained(w.stage, layer) {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: x.Name, Group: slices.Index(rateGroups, x.Group), Decay: x.Decay})
	}
	var err error
	if t.Trainer, err = train.New(setup); err != nil {
		return nil, fmt.Errorf("stage %s, layer %d: %w", w.stage.Name, layer, err)
	}
	w.trainers = append(w.trainers, t)
	return t, nil
}

// fill loads the teacher's norm and the student's mixer.
func (w *layerwise) fill(norm, params *nn.Params, layer int) error {
	module, _ := w.teacher.Model.NormAt(layer, arch.BeforeAttention)
	before := func(x arch.Weight) bool {
		return x.Group == "norm" && strings.HasPrefix(x.Name, module+".") || x.Group == "attention" && w.stage.Loss.Attention > 0
	}
	mixer := func(x arch.Weight) bool { return x.Group == "mixer" || x.Group == "attention" }
	return errors.Join(
		w.layerError("teacher", norm.LoadLayer(w.teacher.Model, layer, before, w.teacher.Float32)),
		w.layerError("student", params.LoadLayer(w.plan.student, layer, mixer, w.disk.Float32)))
}

// layerError makes weights that are not numbers a divergence before the first step.
func (w *layerwise) layerError(model string, err error) error {
	if bad, ok := errors.AsType[*nn.NotFiniteError](err); ok {
		return &DivergedError{w.stage.label(), 0, model + ", " + bad.Error()}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", model, err)
	}
	return nil
}

// train runs a layer's optimizer steps from the cache and writes its file.
func (w *layerwise) train(ctx context.Context, layer int, f layerFile, was *checkpoints.File, from int, c *curve) (err error) {
	t, err := w.trainer(layer)
	switch {
	case err != nil:
	case was != nil:
		err = f.restore(was, t.Trainer)
	case w.from > 0:
		err = f.restore(w.disk.state, t.Trainer)
	}
	if err = errors.Join(err, closeFile(was)); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, t.norm.Release(), t.Params.Release(), t.Release())
		debug.FreeOSMemory()
	}()
	bar := w.progress(fmt.Sprintf("%s, layer %d", w.stage.label(), layer), int64(w.stage.Steps))
	defer bar.Done()
	for step := from; step < w.stage.Steps; step++ {
		began := w.env.Clock()
		m, err := w.step(t, layer, step)
		if err != nil {
			return err
		}
		c.add(t.Parts(), m, w.env.Clock().Sub(began))
		done := step + 1
		bar.Set(int64(done), fmt.Sprintf("loss %.4g, %.0f tokens/s", m.Loss, speed(w.tokens(1), c.Seconds)))
		stop := ctx.Err() != nil
		if done < w.stage.Steps && (stop || w.stage.SaveEvery > 0 && done%w.stage.SaveEvery == 0) {
			if err := f.write(done, t.Params, t.Trainer, c); err != nil {
				return err
			}
		}
		if stop && done < w.stage.Steps {
			return w.interrupted()
		}
	}
	if at := firstNotFinite(t.Params, f.own); at != "" {
		return &DivergedError{w.stage.label(), w.stage.Steps, fmt.Sprintf("layer %d: tensor %s is not finite", layer, at)}
	}
	return f.write(w.stage.Steps, t.Params, t.Trainer, c)
}

// step runs one optimizer step and refuses to go on from one that is not finite.
func (w *layerwise) step(t *layerTrainer, layer, step int) (train.Metrics, error) {
	stage := w.asOf(step)
	_, rates := stage.rates(step, nil)
	starts := w.draw.Starts(step, w.stage.windows())
	var batches []train.Batch
	for part := range w.stage.GradAccumulation {
		own := starts[part*w.stage.BatchSize : (part+1)*w.stage.BatchSize]
		var rows []int
		for _, start := range own {
			rows = append(rows, w.row[start])
		}
		x, err := w.cache.Read(hidden.Before(layer), rows)
		if err != nil {
			return train.Metrics{}, err
		}
		y, err := w.cache.Read(hidden.Mixed, rows)
		if err != nil {
			return train.Metrics{}, err
		}
		batches = append(batches, train.Batch{
			B: w.stage.BatchSize, T: w.plan.Recipe.Data.SeqLen, States: &train.States{Hidden: x, Mixed: y},
			NoWindow: stage.dropsWindow(w.plan.Recipe.Seed, step, part),
			Counted:  w.corpus.Batch(own...).Real, // a mixer imitates whoever speaks
		})
	}
	m, err := t.Step(step+1, rates, batches...)
	if err != nil {
		return m, fmt.Errorf("stage %s, layer %d: %w", w.stage.label(), layer, err)
	}
	if !m.Finite() {
		return m, &DivergedError{w.stage.label(), step + 1, fmt.Sprintf("layer %d: its alignment loss is %v, the norm of its gradient %v", layer, m.Loss, m.GradNorm)}
	}
	return m, nil
}

func firstNotFinite(params *nn.Params, names []string) string {
	for _, name := range names {
		data, err := params.Float32(name)
		if err != nil || slices.ContainsFunc(data, notFinite) {
			return name
		}
	}
	return ""
}

// interrupted says where a stage goes on.
func (w *layerwise) interrupted() error {
	at := filepath.Join(w.plan.Dir, layersName, w.stage.label())
	if !exists(at) { // no layer has been trained yet
		at = filepath.Join(w.plan.Dir, stateFile)
	}
	return &InterruptedError{Run: w.plan.Dir, Stage: w.stage.label(), At: at}
}

func closeFile(f *checkpoints.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

package distill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// runStage trains one stage, from where the state left it to its end.
func (s *session) runStage(ctx context.Context, i int) (err error) {
	stage := s.plan.Stages[i]
	if stage.layerwise() {
		return s.runLayerwise(ctx, i)
	}
	if err := s.loadModels(); err != nil {
		return err
	}
	from := 0
	if i == s.at.Stage {
		from = s.at.Step
	}
	if err := s.announce(i, from); err != nil {
		return err
	}
	t, err := s.trainer(i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if from > 0 {
		if err := s.restoreMoments(t); err != nil {
			return err
		}
	}
	if err := s.loop(ctx, i, from, t); err != nil {
		return err
	}
	return s.finish(ctx, i, stage, t, momentsOf(t))
}

// loop runs the optimizer steps of a stage, from the first that is left: batch, step,
// metrics, and what is due between steps.
func (s *session) loop(ctx context.Context, i, from int, t *train.Trainer) (err error) {
	stage := s.plan.Stages[i]
	draw, err := s.sampler(stage)
	if err != nil {
		return err
	}
	top, err := s.openTop(stage, draw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, top.close()) }()
	bar := s.progress(stage.label(), int64(stage.Steps))
	defer bar.Done()
	if err := s.evaluateSkipped(ctx, stage, from, t); err != nil {
		return err
	}
	var spent time.Duration // training only, without the first step, which compiles
	for step := from; step < stage.Steps; step++ {
		began := s.env.Clock()
		m, rate, err := s.step(stage, step, draw, top, t)
		if err != nil {
			return err
		}
		if step > from {
			spent += s.env.Clock().Sub(began)
		}
		done := step + 1
		e := Event{
			Event: "step", Stage: stage.label(), Step: done, Loss: m.Loss, Parts: named(t.Parts(), m.Parts),
			GradNorm: m.GradNorm, LearningRate: rate, Tokens: s.plan.tokens(stage, done),
		}
		note := fmt.Sprintf("loss %.4f", m.Loss)
		if spent > 0 {
			e.TokensPerSec = float64(s.plan.tokens(stage, done-from-1)) / spent.Seconds()
			note += fmt.Sprintf(", %.0f tokens/s", e.TokensPerSec)
		}
		bar.Set(int64(done), note)
		if done%stage.LogEvery == 0 || done == stage.Steps {
			if err := s.record(e); err != nil {
				return err
			}
		}
		if done < stage.Steps {
			if err := s.between(ctx, i, done, t); err != nil {
				return err
			}
		}
	}
	top.report(s.env.Out)
	return nil
}

// between does what is due between two steps of a stage: an evaluation, a save, and to
// stop when ctx has ended. What is due after the last one is [session.finish]'s.
func (s *session) between(ctx context.Context, i, done int, t *train.Trainer) error {
	stage := s.plan.Stages[i]
	if stage.EvalEvery > 0 && done%stage.EvalEvery == 0 {
		if err := s.evaluate(ctx, stage.label(), done, t); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	stop := ctx.Err() != nil
	if stop || stage.SaveEvery > 0 && done%stage.SaveEvery == 0 {
		if err := s.save(i, done, t); err != nil {
			return err
		}
	}
	if stop {
		return s.stopped(stage, done)
	}
	return nil
}

// stopped says where a stage that was saved after so many steps goes on.
func (s *session) stopped(stage Stage, step int) error {
	return &InterruptedError{Run: s.plan.Dir, Stage: stage.label(), At: filepath.Join(s.plan.Dir, stage.dir(step))}
}

// evaluateSkipped does the evaluation that was due at the save that a run goes on
// from, where a Ctrl-C ended it.
func (s *session) evaluateSkipped(ctx context.Context, stage Stage, from int, t *train.Trainer) error {
	due := from > 0 && stage.EvalEvery > 0 && from%stage.EvalEvery == 0
	if !due || slices.ContainsFunc(s.evals, func(e Event) bool { return e.Stage == stage.label() && e.Step == from }) {
		return nil
	}
	return s.evaluate(ctx, stage.label(), from, t)
}

// step runs one optimizer step and refuses to go on from one that is not finite.
func (s *session) step(stage Stage, step int, draw data.Sampler, top *topTeacher, t *train.Trainer) (m train.Metrics, rate float64, err error) {
	factor, rates := stage.rates(step, s.losses(stage, step))
	seqLen := s.plan.Recipe.Data.SeqLen
	starts := draw.Starts(step, stage.windows())
	var batches []train.Batch
	for part := range stage.GradAccumulation {
		windows := starts[part*stage.BatchSize : (part+1)*stage.BatchSize]
		b := s.corpus.Batch(windows...)
		counted := b.Counted
		if stage.Kind == "align" {
			counted = b.Real // a mixer imitates whoever speaks
		}
		batch := train.Batch{
			B: stage.BatchSize, T: seqLen, IDs: b.Inputs, Targets: b.Targets, Counted: counted,
			NoWindow: stage.dropsWindow(s.plan.Recipe.Seed, step, part),
		}
		if top != nil {
			if batch.Top, err = top.batch(windows, b.Inputs); err != nil {
				return m, 0, fmt.Errorf("stage %s: %w", stage.label(), err)
			}
		}
		batches = append(batches, batch)
	}
	if m, err = t.Step(step+1, rates, batches...); err != nil {
		return m, 0, fmt.Errorf("stage %s: %w", stage.label(), err)
	}
	if !m.Finite() {
		where, err := t.Diagnose(m, batches[0])
		return m, 0, errors.Join(&DivergedError{stage.label(), step + 1, where}, err)
	}
	return m, factor * stage.LearningRate, nil
}

// save writes a complete model folder and then the state that refers to it. A
// kill between the two repeats the steps since the save before.
func (s *session) save(i, step int, t *train.Trainer) error {
	stage := s.plan.Stages[i]
	if err := s.saveModel(filepath.Join(s.plan.Dir, stage.dir(step)), stage, step); err != nil {
		return err
	}
	return s.commit(place{Stage: i, Step: step}, Event{Event: "save", Stage: stage.label(), Step: step, Path: stage.dir(step)}, momentsOf(t))
}

// finish ends a stage: adapters merged, evaluated, saved; the next one's start is the
// state. The trainer finds the layer where an evaluation fails, if there is one.
func (s *session) finish(ctx context.Context, i int, stage Stage, t *train.Trainer, m *moments) error {
	if err := s.mergeAdapters(stage); err != nil {
		return err
	}
	// The stage is done: a Ctrl-C now loses an evaluation, not the stage.
	if err := s.evaluate(context.WithoutCancel(ctx), stage.label(), stage.Steps, t); err != nil {
		return err
	}
	if err := s.saveModel(filepath.Join(s.plan.Dir, stage.dir(stage.Steps)), stage.merged(), stage.Steps); err != nil {
		return err
	}
	event := Event{Event: "save", Stage: stage.label(), Step: stage.Steps, Path: stage.dir(stage.Steps)}
	at := place{Stage: i + 1}
	if s.plan.next(i+1) < len(s.plan.Stages) || len(stage.Modules) > 0 {
		m = nil // another stage begins, or the adapters are gone
	} else {
		at.Tail = stage.Steps // the stage may be given more
	}
	if err := s.commit(at, event, m); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil && s.plan.next(i+1) < len(s.plan.Stages) {
		return s.stopped(stage, stage.Steps)
	}
	return nil
}

// commit records a save, and then writes the state that makes it good.
func (s *session) commit(at place, event Event, m *moments) error {
	if err := s.record(event); err != nil {
		return err
	}
	return s.commitState(at, m)
}

// commitState writes the state of a place, with the metrics up to here.
func (s *session) commitState(at place, m *moments) error {
	size, err := s.log.Sync()
	if err != nil {
		return err
	}
	recipe, err := s.plan.Recipe.YAML()
	if err != nil {
		return err
	}
	at.MetricsBytes, at.Fingerprint, at.Recipe = size, s.plan.Fingerprint, string(recipe)
	for i, c := range s.corpora {
		at.Data[i] = describeData(c)
	}
	if err := writeState(s.plan.Dir, at, s.touched, s.masters(), m); err != nil {
		return err
	}
	s.prune(at)
	return nil
}

// restoreMoments gives a trainer the moments that the state has.
func (s *session) restoreMoments(t *train.Trainer) error {
	file, _, err := openState(s.plan.Dir)
	if err != nil {
		return err
	}
	return errors.Join(restoreMoments(file, t, momentsOf(t).names), file.Close())
}

// label is the stage's number and name, "1-mimic".
func (s Stage) label() string { return filepath.Base(s.Dir) }

// merged is the stage once its adapters are in the weights.
func (s Stage) merged() Stage {
	s.Modules = nil
	return s
}

// dir is the folder of a saved point, below the run folder.
func (s Stage) dir(step int) string { return filepath.Join(s.Dir, fmt.Sprintf("step-%07d", step)) }

func named(names []string, values []float64) map[string]float64 {
	m := make(map[string]float64, len(names))
	for i, n := range names {
		m[n] = values[i]
	}
	return m
}

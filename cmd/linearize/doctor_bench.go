package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/demo"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// The batch of a training step.
const (
	stepBatch  = 4
	stepTokens = 256
)

// measure adds what each usable engine does in a second: about a third of the time goes
// to products, the rest to training. Compiling takes time of its own.
func (r *doctorReport) measure(cmd *cobra.Command, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "linearize-doctor-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover harms nobody
	teacher, err := demo.Teacher()
	if err != nil {
		return err
	}
	for name, data := range teacher {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	for i := range r.Engines {
		e := &r.Engines[i]
		if !e.Usable {
			continue
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "linearize: measuring engine %s\n", e.Name)
		if err := e.measure(cmd.Context(), dir, limit); err != nil {
			e.Usable, e.Problem, e.Hint = false, err.Error(), advice.Of(err)
		}
	}
	return cmd.Context().Err()
}

// measure times products and training on one engine, for about as long as limit.
func (e *engineReport) measure(ctx context.Context, dir string, limit time.Duration) error {
	m, err := loadModel(dir, e.Name)
	if err != nil {
		return err
	}
	defer m.Close()
	flops, err := engine.Matmul(m.backend, 1024, limit/3)
	if err != nil {
		return err
	}
	e.Matmul = flops / 1e9
	e.Step, err = m.trainingSpeed(ctx, 2*limit/3)
	return err
}

// trainingSpeed is how many tokens per second the engine trains all tensors of the
// model on, by cross-entropy: the fastest step that follows the first, which compiles.
func (m *loadedModel) trainingSpeed(ctx context.Context, limit time.Duration) (tokens float64, err error) {
	setup := train.Setup{
		Backend: m.backend, Store: m.store, Student: m.net, Params: m.net.Weights.(*nn.Params),
		Objective: train.Objective{CE: 1}, Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, ClipNorm: 1},
	}
	for _, w := range m.net.Model.Weights() {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name})
	}
	t, err := train.New(setup)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	ids := make([]int32, stepBatch*stepTokens)
	for i := range ids {
		ids[i] = int32(i * 7919 % m.net.Model.Vocab)
	}
	batch := train.Batch{B: stepBatch, T: stepTokens, IDs: ids, Targets: ids}
	var best time.Duration
	began := time.Now()
	for step := 1; ctx.Err() == nil && (step < 3 || time.Since(began) < limit); step++ {
		start := time.Now()
		if _, err := t.Step(step, []float64{1e-5}, batch); err != nil {
			return 0, err
		}
		if took := time.Since(start); step > 1 && (best == 0 || took < best) {
			best = took
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return float64(len(ids)) / best.Seconds(), nil
}

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/rusage"
)

// serve takes one step and prints it, and then one for each line that it reads, or
// measures products of matrices for the line "matmul": what torch.py does.
func serve(spec string, stdin io.Reader, stdout io.Writer) (err error) {
	var c task
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		return err
	}
	backend, err := engine.Open(c.Contestant)
	if err != nil {
		return err
	}
	store := nn.NewStore()
	defer store.Finalize()
	setup, err := c.setup(store)
	if err != nil {
		return err
	}
	setup.Backend = backend
	trainer, err := train.New(setup)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trainer.Close()) }()
	x := train.Batch{B: c.Batch, T: c.Tokens}
	for i := range c.Batch * c.Tokens {
		x.IDs = append(x.IDs, int32(i*7919%c.Model.Vocab))
	}
	x.Targets = x.IDs
	number, out := 0, json.NewEncoder(stdout)
	step := func() error {
		number++
		before, began := rusage.ProcessorTime(), time.Now()
		m, err := trainer.Step(number, []float64{1e-4}, x)
		if err != nil {
			return err
		}
		return out.Encode(stepped{m.Loss, m.GradNorm, time.Since(began).Seconds(), (rusage.ProcessorTime() - before).Seconds()})
	}
	if err := step(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		if lines.Text() != "matmul" {
			err = step()
		} else {
			var r rate
			if r.FLOPs, err = engine.Matmul(backend, 1024, time.Second/2); err == nil {
				err = out.Encode(r)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setup loads teacher and student.
func (c task) setup(store *nn.Store) (train.Setup, error) {
	s := train.Setup{
		Store:     store,
		Objective: train.Objective{KL: 1, Temperature: 1},
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, ClipNorm: 1},
	}
	if c.Step == alignStep {
		s.Objective = train.Objective{MSE: 1, Target: nn.PreO}
	}
	teacher, student, err := c.models()
	if err != nil {
		return s, err
	}
	file, err := checkpoints.OpenFile(c.Weights)
	if err != nil {
		return s, err
	}
	defer func() { _ = file.Close() }() // read only
	params, err := nn.LoadParams(store, "teacher", file, teacher, nil)
	if err != nil {
		return s, err
	}
	s.Teacher = &nn.Net{Model: teacher, Weights: params}
	// An alignment asks the student for nothing else.
	if s.Params, err = nn.LoadParams(store, "student", file, student, c.trains); err != nil {
		return s, err
	}
	s.Student = nn.Net{Model: student, Weights: s.Params}
	for _, w := range student.Weights() {
		if c.trains(w) {
			s.Tensors = append(s.Tensors, train.Tensor{Name: w.Name})
		}
	}
	return s, nil
}

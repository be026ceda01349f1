package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// torchPrefix starts the names of what PyTorch does.
const torchPrefix = "torch:"

// torchPy does in PyTorch what serve does here.
//
//go:embed torch.py
var torchPy string

// stepped is one step.
type stepped struct {
	Loss      float64 `json:"loss"`
	Norm      float64 `json:"norm"` // of the gradient
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"processor"` // seconds of all threads, system included
}

// rate is what matrix products reach.
type rate struct {
	FLOPs float64 `json:"flops"` // each second
}

// contestant is a process that takes a step when told.
type contestant struct {
	name  string
	cmd   *exec.Cmd
	tell  io.WriteCloser
	hear  *bufio.Reader
	first stepped // compiles; not measured
	steps []stepped
	rate  float64 // the best
}

// start starts the task's contestant and waits for its first step.
func start(c task, python string) (*contestant, error) {
	spec, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	x := &contestant{name: c.Contestant, cmd: exec.Command(self, "-one", string(spec))}
	if strings.HasPrefix(c.Contestant, torchPrefix) {
		x.cmd = exec.Command(python, "-c", torchPy, string(spec))
	}
	x.cmd.Stderr = os.Stderr
	if x.tell, err = x.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	x.hear = bufio.NewReader(out)
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	if err := x.read(&x.first); err != nil {
		return nil, errors.Join(err, x.stop())
	}
	return x, nil
}

func (x *contestant) read(into any) error {
	line, err := x.hear.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("ended before it answered: %w", err)
	}
	return json.Unmarshal(line, into)
}

func (x *contestant) ask(what string, into any) error {
	if _, err := io.WriteString(x.tell, what+"\n"); err != nil {
		return err
	}
	return x.read(into)
}

func (x *contestant) step() error {
	var s stepped
	err := x.ask("step", &s)
	x.steps = append(x.steps, s)
	return err
}

func (x *contestant) matmul() error {
	var r rate
	err := x.ask("matmul", &r)
	x.rate = max(x.rate, r.FLOPs)
	return err
}

// stop ends the process.
func (x *contestant) stop() error { return errors.Join(x.tell.Close(), x.cmd.Wait()) }

// median of the steps' seconds and, by themselves, of their processor seconds.
func (x *contestant) median() (took, used float64) {
	seconds := func(of func(stepped) float64) float64 { return x.sorted(of)[len(x.steps)/2] }
	return seconds(elapsed), seconds(func(s stepped) float64 { return s.Processor })
}

// spread is half the distance between the quartiles.
func (x *contestant) spread() float64 {
	v := x.sorted(elapsed)
	return (v[len(v)*3/4] - v[len(v)/4]) / 2
}

func elapsed(s stepped) float64 { return s.Seconds }

func (x *contestant) sorted(of func(stepped) float64) []float64 {
	var v []float64
	for _, s := range x.steps {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v
}

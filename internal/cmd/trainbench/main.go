// Command trainbench measures the steps of a distillation beside the same in PyTorch:
// the alignment of all layers, and the KL of a whole student.
//
//	go run ./internal/cmd/trainbench                                # on go
//	go run ./internal/cmd/trainbench -engine go,xla:cpu -torch .cache/torch/bin/python
//	go run ./internal/cmd/trainbench -engine xla:cuda -torch .cache/torch/bin/python -device cuda -batch 8
//	go run ./internal/cmd/trainbench -models 135m -layers 4 -steps align
//
// All take the same weights and the same batch, and the losses of their steps stand in
// the table. Each is a process of its own that stays, and they take their steps by turns:
// what else runs on the machine meets all of them. The first step, which compiles, is
// left out; a number is the median of the rest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "trainbench: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("trainbench", flag.ContinueOnError)
	engines := flags.String("engine", engine.Default, "engines, separated by commas")
	python := flags.String("torch", "", "a python that has torch 2.15 or newer, to measure beside them")
	kinds := flags.String("kinds", "eager,sdpa,compile", "what PyTorch does, separated by commas")
	models := flags.String("models", "135m,stories260k", "models, separated by commas")
	steps := flags.String("steps", "align,kl", "steps, separated by commas")
	layers := flags.Int("layers", 0, "layers; 0: the model's")
	tokens := flags.Int("tokens", 512, "tokens of a sequence")
	batch := flags.Int("batch", 1, "sequences")
	rounds := flags.Int("rounds", 7, "steps of each")
	form := flags.String("form", "chunked", "PyTorch's linear attention: chunked or quadratic")
	device := flags.String("device", "cpu", "where PyTorch computes: cpu or cuda")
	one := flags.String("one", "", "be the contestant of this case, given as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *one != "" {
		return serve(*one, stdin, stdout)
	}
	if *rounds < 1 {
		return fmt.Errorf("rounds is %d, want 1 or more", *rounds)
	}
	var contestants []string
	if *python != "" {
		for kind := range strings.SplitSeq(*kinds, ",") {
			contestants = append(contestants, torchPrefix+kind)
		}
	}
	contestants = append(contestants, strings.Split(*engines, ",")...)
	for name := range strings.SplitSeq(*models, ",") {
		shape, err := shapeOf(name)
		if err != nil {
			return err
		}
		if *layers > 0 {
			shape.Layers = *layers
		}
		for step := range strings.SplitSeq(*steps, ",") {
			if !slices.Contains([]string{alignStep, klStep}, step) {
				return fmt.Errorf("step %q: want %s or %s", step, alignStep, klStep)
			}
			c := task{Model: shape, Step: step, Tokens: *tokens, Batch: *batch, Threads: runtime.GOMAXPROCS(0), Form: *form, Device: *device}
			if err := compare(stdout, c, contestants, *python, *rounds); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare measures one step and prints its table.
func compare(w io.Writer, c task, names []string, python string, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "trainbench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c.Weights = filepath.Join(dir, "model.safetensors")
	if err := c.write(); err != nil {
		return err
	}
	var all []*contestant
	defer func() {
		for _, x := range all {
			err = errors.Join(err, x.stop())
		}
	}()
	for _, name := range names {
		c.Contestant = name
		x, err := start(c, python)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, x)
	}
	for range rounds {
		for _, x := range all {
			if err := x.step(); err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
		}
	}
	for range 2 {
		for _, x := range all {
			if err := x.matmul(); err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
		}
	}
	return table(w, c, all)
}

// table prints what was measured; ratios are against the first contestant.
func table(w io.Writer, c task, all []*contestant) error {
	flops := c.flops()
	fmt.Fprintf(w, "\n%s step of %s: %d layers, %d × %d tokens, %.0f GFLOP, by turns, median of %d; losses are those of the first and last step\n\n",
		c.Step, c.Model.Name, c.Model.Layers, c.Batch, c.Tokens, flops/1e9, len(all[0].steps))
	fmt.Fprintf(w, "| | ms | tokens/s | / %s | processor ms | ratio | matmul, GFLOP/s | of the floor | first loss | norm | last loss |\n", all[0].name)
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	base, baseUsed := all[0].median()
	for _, x := range all {
		took, used := x.median()
		last := x.steps[len(x.steps)-1]
		_, err := fmt.Fprintf(w, "| %s | %.0f ± %.0f | %.0f | %.2f | %.0f | %.2f | %.0f | %.2f | %.6g | %.5g | %.6g |\n",
			x.name, took*1e3, x.spread()*1e3, float64(c.Batch*c.Tokens)/took, base/took, used*1e3, baseUsed/used,
			x.rate/1e9, flops/x.rate/took, x.first.Loss, x.first.Norm, last.Loss)
		if err != nil {
			return err
		}
	}
	return nil
}

// Command mkteacher makes the teacher that `linearize demo` carries: a small Llama
// with a tokenizer of its own, trained on the source of the Go standard library by
// the same loop that trains students.
//
//	go run ./internal/cmd/mkteacher
//
// It works in three steps; -only runs one of them:
//
//	prepare   corpus, tokenizer, random weights and recipe, in the -work folder
//	train     the recipe; `linearize distill WORK/recipe.yaml -o WORK/run` is the same
//	finish    the trained model in bfloat16 to the -o folder, with its model card
//
// Prepare and finish take seconds. Training takes hours on two cores and minutes on
// a GPU. Where that GPU has no Go, prepare here, take the work folder and a
// linearize program along, and finish with the folder that came back:
//
//	go run ./internal/cmd/mkteacher -only prepare
//	linearize distill .cache/mkteacher/recipe.yaml -o run --engine xla:cuda
//	go run ./internal/cmd/mkteacher -only finish -final run/final
//
// The steps, the batch and everything else about training are in recipe.yaml;
// -set changes a value, as that of linearize distill does. The same Go release, the
// same settings and the same engine give the same weights.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mkteacher: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	work, output, goroot, final string
	only, engine                string
	seed                        uint64
	sets                        []string
}

var steps = []string{"prepare", "train", "finish"}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	flags := flag.NewFlagSet("mkteacher", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.work, "work", filepath.Join(".cache", "mkteacher"), "folder to work in")
	flags.StringVar(&o.output, "o", filepath.Join("internal", "demo", "teacher"), "folder for the finished teacher")
	flags.StringVar(&o.goroot, "goroot", "", "Go installation whose library is the corpus (default: go env GOROOT)")
	flags.StringVar(&o.final, "final", "", "trained model to finish (default: WORK/run/final)")
	flags.StringVar(&o.only, "only", "", "do one step: "+strings.Join(steps, ", "))
	flags.StringVar(&o.engine, "engine", "go", "engine that trains, as linearize takes it")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the random weights")
	flags.Func("set", "replace a value of the recipe, as stages[0].steps=10; may be given again", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.only != "" && !slices.Contains(steps, o.only) {
		return fmt.Errorf("-only is %q, want %s", o.only, strings.Join(steps, ", "))
	}
	if o.final == "" {
		o.final = filepath.Join(o.work, "run", "final")
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"prepare", func() error { return o.prepare(stdout) }},
		{"train", func() error { return o.train(ctx, stdout, stderr) }},
		{"finish", func() error { return o.finish(stdout) }},
	} {
		if o.only != "" && o.only != step.name {
			continue
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (o *options) train(ctx context.Context, stdout, stderr io.Writer) error {
	r, err := recipes.Load(filepath.Join(o.work, recipeName), o.sets...)
	if err != nil {
		return err
	}
	plan, err := distill.NewPlan(r, distill.Options{Run: filepath.Join(o.work, "run"), Version: "mkteacher", Engine: o.engine})
	if err != nil {
		return err
	}
	_, err = plan.Run(ctx, distill.Env{
		Out: stdout, Clock: time.Now,
		Progress: func(label string, total int64) distill.Progress {
			return ui.NewProgress(stderr, ui.IsTerminal(stderr), label, total, time.Now)
		},
	})
	return err
}

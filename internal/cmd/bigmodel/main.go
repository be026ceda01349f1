// Command bigmodel shows what a conversion costs in memory and time, on a model
// made for it.
//
//	go build -o bin/ ./cmd/linearize
//	go run ./internal/cmd/bigmodel -bin bin/linearize
//
// It streams a Llama of random bfloat16 numbers to the disk, 2.1 GB unless told
// otherwise, converts it with the program given, and prints the largest resident
// memory of that process and its time beside that of cp: the two by turns, each of
// them several times. Neither waits for the disk, so both are timed with a flush of their
// files, too. Everything is in a temporary folder, which it removes. Without -bin it does
// what the program does.
//
// On a virtual machine that gives free memory back to its host, a page of the cache may
// cost ten times what it costs another time: look at the least of the times.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/seed-1411d8c0/linearize/convert"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bigmodel: %v\n", err)
		os.Exit(1)
	}
}

// task is what is measured.
type task struct {
	bin, mixer, dtype string
	rounds            int
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("bigmodel", flag.ContinueOnError)
	var size dimensions
	var t task
	for name, f := range size.flags() {
		flags.IntVar(f.value, name, *f.value, f.usage)
	}
	flags.BoolVar(&size.cached, "cached", false, "make the model as a cache of the Hub has it: links to files named by their digests")
	flags.StringVar(&t.bin, "bin", "", "linearize program; this one's own library calls when empty")
	flags.StringVar(&t.mixer, "mixer", "mamba2", "what the layers get")
	flags.StringVar(&t.dtype, "dtype", "", "dtype of the output")
	flags.IntVar(&t.rounds, "rounds", 3, "how often cp and the conversion run")
	dir := flags.String("dir", "", "where to work; a temporary folder when empty")
	only := flags.String("only", "", "make the model in -dir, or convert the one here to -dir, and do nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch *only {
	case "":
		if t.rounds < 1 {
			return fmt.Errorf("rounds is %d, want 1 or more", t.rounds)
		}
	case "make":
		return size.write(*dir)
	default:
		return convertOnly(*only, *dir, t.mixer, t.dtype)
	}
	work, err := os.MkdirTemp(*dir, "bigmodel-")
	if err != nil {
		return err
	}
	result, err := t.measure(work, size)
	if err = errors.Join(err, os.RemoveAll(work)); err != nil {
		return err
	}
	return result.print(stdout)
}

// convertOnly is the child process when there is no program to measure.
func convertOnly(model, out, mixer, dtype string) error {
	plan, err := convert.NewPlan(model, out, convert.Options{Mixer: mixer, DType: dtype, NoSync: true})
	if err != nil {
		return err
	}
	return plan.Write(context.Background(), nil)
}

// makeArgs are those of a process that makes the model.
func (d *dimensions) makeArgs(dir string) []string {
	args := []string{"-only", "make", "-dir", dir, "-cached=" + strconv.FormatBool(d.cached)}
	for name, f := range d.flags() {
		args = append(args, fmt.Sprintf("-%s=%d", name, *f.value))
	}
	return args
}

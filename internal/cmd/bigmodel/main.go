// Command bigmodel shows what a conversion costs in memory and time, on a model
// made for it.
//
//	go build -o bin/ ./cmd/linearize
//	go run ./internal/cmd/bigmodel -bin bin/linearize
//
// It streams a Llama of random bfloat16 numbers to the disk, 2.1 GB unless told
// otherwise, converts it with the program given, and prints the largest resident
// memory of that process and its time beside that of cp. Everything is in a
// temporary folder, which it removes. Without -bin it does what the program does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bigmodel: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("bigmodel", flag.ContinueOnError)
	var size dimensions
	flags.IntVar(&size.layers, "layers", 15, "layers")
	flags.IntVar(&size.width, "width", 2048, "hidden size, a multiple of 256")
	flags.IntVar(&size.vocab, "vocab", 32000, "vocabulary")
	flags.IntVar(&size.ffn, "ffn", 0, "width of the MLP; four times that of the model when 0")
	flags.IntVar(&size.headDim, "head-dim", 0, "width of a head; 64 when 0")
	flags.IntVar(&size.kvHeads, "kv-heads", 0, "heads of keys and values; a quarter of all when 0")
	bin := flags.String("bin", "", "linearize program; this one's own library calls when empty")
	dir := flags.String("dir", "", "where to work; a temporary folder when empty")
	mixer := flags.String("mixer", "mamba2", "what the layers get")
	dtype := flags.String("dtype", "", "dtype of the output")
	only := flags.String("only", "", "make the model in -dir, or convert the one here to -dir, and do nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch *only {
	case "":
	case "make":
		return size.write(*dir)
	default:
		return convertOnly(*only, *dir, *mixer, *dtype)
	}
	work, err := os.MkdirTemp(*dir, "bigmodel-")
	if err != nil {
		return err
	}
	result, err := measure(work, size, *bin, *mixer, *dtype)
	if err = errors.Join(err, os.RemoveAll(work)); err != nil {
		return err
	}
	return result.print(stdout)
}

// convertOnly is the child process when there is no program to measure.
func convertOnly(model, out, mixer, dtype string) error {
	plan, err := convert.NewPlan(model, out, convert.Options{Mixer: mixer, DType: dtype})
	if err != nil {
		return err
	}
	return plan.Write(context.Background(), nil)
}

// result is what was measured.
type result struct {
	plan       *convert.Plan
	largest    int64 // bytes of the largest tensor, in source or output
	rss        int64 // bytes, of the converting process
	took       time.Duration
	cp, cpSync time.Duration // cp alone, and with what it wrote flushed to the disk
}

func measure(work string, size dimensions, bin, mixer, dtype string) (*result, error) {
	model, out := filepath.Join(work, "model"), filepath.Join(work, "out")
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not in this process: Linux counts a parent's memory at the time of the fork as
	// the child's.
	maker := exec.Command(self, "-only", "make", "-dir", model,
		fmt.Sprintf("-layers=%d", size.layers), fmt.Sprintf("-width=%d", size.width), fmt.Sprintf("-vocab=%d", size.vocab),
		fmt.Sprintf("-ffn=%d", size.ffn), fmt.Sprintf("-head-dim=%d", size.headDim), fmt.Sprintf("-kv-heads=%d", size.kvHeads))
	if err := runQuietly(maker); err != nil {
		return nil, err
	}
	var r result
	if r.plan, err = convert.NewPlan(model, out, convert.Options{Mixer: mixer, DType: dtype}); err != nil {
		return nil, err
	}
	for _, t := range r.plan.Tensors {
		r.largest = max(r.largest, t.Bytes)
	}
	copied := filepath.Join(work, "copied")
	begin := time.Now()
	if err := runQuietly(exec.Command("cp", "-r", model, copied)); err != nil {
		return nil, err
	}
	r.cp = time.Since(begin)
	if err := syncAll(copied); err != nil {
		return nil, err
	}
	r.cpSync = time.Since(begin)

	cmd := exec.Command(self, "-only", model, "-dir", out, "-mixer", mixer, "-dtype", dtype)
	if bin != "" {
		cmd = exec.Command(bin, "convert", model, "-o", out, "--mixer", mixer, "--dtype", dtype)
	}
	begin = time.Now()
	if err := runQuietly(cmd); err != nil {
		return nil, err
	}
	r.took = time.Since(begin)
	r.rss, err = maxRSS(cmd.ProcessState)
	return &r, err
}

// runQuietly puts what a failed command said into the error.
func runQuietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// syncAll flushes the files of a folder to the disk, as a conversion does.
func syncAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "model          %s in %d tensors, the largest %s\n", ui.FormatBytes(r.plan.BytesIn), len(r.plan.Tensors), ui.FormatBytes(r.largest))
	fmt.Fprintf(w, "written        %s\n", ui.FormatBytes(r.plan.BytesOut))
	fmt.Fprintf(w, "resident       %s at most; planned %s\n", ui.FormatBytes(r.rss), ui.FormatBytes(r.plan.PeakMemory))
	_, err := fmt.Fprintf(w, "time           %.2f s; cp %.2f s, cp and fsync %.2f s\n", r.took.Seconds(), r.cp.Seconds(), r.cpSync.Seconds())
	return err
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// result is what was measured, the times of each round.
type result struct {
	plan    *convert.Plan
	largest int64 // bytes of the largest tensor, in source or output
	rss     int64 // bytes, the most of a converting process

	convert, convertCPU []time.Duration
	cp, cpCPU           []time.Duration
	cpSync              []time.Duration // with what it wrote flushed to the disk
}

func (t task) measure(work string, size dimensions) (*result, error) {
	model, out, copied := filepath.Join(work, "model"), filepath.Join(work, "out"), filepath.Join(work, "copied")
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not in this process: Linux counts a parent's memory at the time of the fork as
	// the child's.
	if err := runQuietly(exec.Command(self, size.makeArgs(model)...)); err != nil {
		return nil, err
	}
	var r result
	if r.plan, err = convert.NewPlan(model, out, convert.Options{Mixer: t.mixer, DType: t.dtype}); err != nil {
		return nil, err
	}
	for _, t := range r.plan.Tensors {
		r.largest = max(r.largest, t.Bytes)
	}
	for range t.rounds {
		if err := r.timeCopy(model, copied); err != nil {
			return nil, err
		}
		cmd := exec.Command(self, "-only", model, "-dir", out, "-mixer", t.mixer, "-dtype", t.dtype)
		if t.bin != "" {
			cmd = exec.Command(t.bin, "convert", model, "-o", out, "--mixer", t.mixer, "--dtype", t.dtype)
		}
		if err := r.timeConversion(cmd); err != nil {
			return nil, err
		}
		if err := os.RemoveAll(out); err != nil {
			return nil, err
		}
		settle()
	}
	return &r, nil
}

func (r *result) timeCopy(model, copied string) error {
	cmd := exec.Command("cp", "-rL", model, copied)
	begin := time.Now()
	if err := runQuietly(cmd); err != nil {
		return err
	}
	r.cp = append(r.cp, time.Since(begin))
	r.cpCPU = append(r.cpCPU, processorTime(cmd))
	if err := syncAll(copied); err != nil {
		return err
	}
	r.cpSync = append(r.cpSync, time.Since(begin))
	if err := os.RemoveAll(copied); err != nil {
		return err
	}
	settle()
	return nil
}

func (r *result) timeConversion(cmd *exec.Cmd) error {
	begin := time.Now()
	if err := runQuietly(cmd); err != nil {
		return err
	}
	r.convert = append(r.convert, time.Since(begin))
	r.convertCPU = append(r.convertCPU, processorTime(cmd))
	rss, err := maxRSS(cmd.ProcessState)
	r.rss = max(r.rss, rss)
	return err
}

func processorTime(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
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
	fmt.Fprintf(w, "convert        %s s; processor %s s\n", spread(seconds(r.convert)), spread(seconds(r.convertCPU)))
	fmt.Fprintf(w, "cp             %s s; processor %s s\n", spread(seconds(r.cp)), spread(seconds(r.cpCPU)))
	fmt.Fprintf(w, "cp and fsync   %s s\n", spread(seconds(r.cpSync)))
	_, err := fmt.Fprintf(w, "speed          %s of cp and fsync, %s of cp\n", spread(ratios(r.cpSync, r.convert)), spread(ratios(r.cp, r.convert)))
	return err
}

func seconds(times []time.Duration) []float64 {
	var out []float64
	for _, t := range times {
		out = append(out, t.Seconds())
	}
	return out
}

// ratios divides round by round.
func ratios(a, b []time.Duration) []float64 {
	var out []float64
	for i := range a {
		out = append(out, a[i].Seconds()/b[i].Seconds())
	}
	return out
}

// spread shows the median, and the least and the most.
func spread(x []float64) string {
	slices.Sort(x)
	n := len(x)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", (x[(n-1)/2]+x[n/2])/2, x[0], x[n-1])
}

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
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
)

// result is what was measured, the times of each round.
type result struct {
	plan    *convert.Plan
	largest int64 // bytes of the largest tensor, in source or output
	rss     int64 // bytes, the most of a converting process

	convert, cp times
}

// times are those of each round.
type times struct {
	wall, cpu []time.Duration
	synced    []time.Duration // wall with a flush of what was written to the disk
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
		if _, err := r.cp.take(exec.Command("cp", "-rL", model, copied), copied); err != nil {
			return nil, err
		}
		cmd := exec.Command(self, "-only", model, "-dir", out, "-mixer", t.mixer, "-dtype", t.dtype)
		if t.bin != "" {
			cmd = exec.Command(t.bin, "convert", model, "-o", out, "--mixer", t.mixer, "--dtype", t.dtype)
		}
		state, err := r.convert.take(cmd, out)
		if err != nil {
			return nil, err
		}
		rss, err := maxRSS(state)
		if err != nil {
			return nil, err
		}
		r.rss = max(r.rss, rss)
	}
	return &r, nil
}

// take times one run of a command, which makes the folder, and removes that.
func (t *times) take(cmd *exec.Cmd, dir string) (*os.ProcessState, error) {
	begin := time.Now()
	if err := runQuietly(cmd); err != nil {
		return nil, err
	}
	t.wall = append(t.wall, time.Since(begin))
	t.cpu = append(t.cpu, processorTime(cmd))
	if err := syncAll(dir); err != nil {
		return nil, err
	}
	t.synced = append(t.synced, time.Since(begin))
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	settle()
	return cmd.ProcessState, nil
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

// syncAll flushes the files of a folder to the disk.
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
	fmt.Fprintf(w, "model          %s in %d tensors, the largest %s\n", bytesize.Format(r.plan.BytesIn), len(r.plan.Tensors), bytesize.Format(r.largest))
	fmt.Fprintf(w, "written        %s\n", bytesize.Format(r.plan.BytesOut))
	fmt.Fprintf(w, "resident       %s at most; planned %s\n", bytesize.Format(r.rss), bytesize.Format(r.plan.PeakMemory))
	for _, x := range []struct {
		name string
		t    times
	}{{"convert", r.convert}, {"cp", r.cp}} {
		fmt.Fprintf(w, "%-14s %s s; with fsync %s s; processor %s s\n", x.name, spread(seconds(x.t.wall)), spread(seconds(x.t.synced)), spread(seconds(x.t.cpu)))
	}
	_, err := fmt.Fprintf(w, "speed          %s of cp; with fsync %s\n", spread(ratios(r.cp.wall, r.convert.wall)), spread(ratios(r.cp.synced, r.convert.synced)))
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

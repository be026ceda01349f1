package metrics_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

// What was written after the last save is cut off, and lines that should be
// there and are not are an error.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	write := func(at int64, steps ...int) int64 {
		t.Helper()
		log, err := metrics.Open(path, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range steps {
			if err := log.Write(metrics.Event{Step: n}); err != nil {
				t.Fatal(err)
			}
		}
		size, err := log.Sync()
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		return size
	}
	saved := write(0, 1, 2)
	write(saved, 3, 4)
	size := write(saved, 5)
	events, err := metrics.Read(path, size)
	var got []int
	for _, e := range events {
		got = append(got, e.Step)
	}
	if want := []int{1, 2, 5}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Read() = steps %v, %v; want %v", got, err, want)
	}
	if _, err := metrics.Open(path, size+1); err == nil || !strings.Contains(err.Error(), "lines of the run are missing") {
		t.Errorf("Open() past the end = %v", err)
	}
	if got, err := metrics.Read(filepath.Join(t.TempDir(), "none"), 0); got != nil || err != nil {
		t.Errorf("Read() of nothing = %v, %v", got, err)
	}
}

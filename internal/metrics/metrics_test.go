package metrics_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

type event struct{ N int }

// What was written after the last save is cut off, and lines that should be
// there and are not are an error.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	write := func(at int64, numbers ...int) int64 {
		t.Helper()
		log, err := metrics.Open(path, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range numbers {
			if err := log.Write(event{n}); err != nil {
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
	got, err := metrics.Read[event](path, size)
	if want := []event{{1}, {2}, {5}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Read() = %v, %v; want %v", got, err, want)
	}
	if _, err := metrics.Open(path, size+1); err == nil || !strings.Contains(err.Error(), "lines of the run are missing") {
		t.Errorf("Open() past the end = %v", err)
	}
	if got, err := metrics.Read[event](filepath.Join(t.TempDir(), "none"), 0); got != nil || err != nil {
		t.Errorf("Read() of nothing = %v, %v", got, err)
	}
}

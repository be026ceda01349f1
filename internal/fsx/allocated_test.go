//go:build linux

package fsx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// A file of holes, as the cache of a teacher's logits is at first, takes next to nothing.
func TestAllocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 10_000), 0o644); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return fsx.Allocated(info)
	}
	if got := size(); got != 10_000 {
		t.Errorf("Allocated() = %d, want the 10000 bytes of a file without holes", got)
	}
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	if got := size(); got > 1<<20 {
		t.Errorf("Allocated() = %d with a hole of 100 MiB behind 10000 bytes", got)
	}
}

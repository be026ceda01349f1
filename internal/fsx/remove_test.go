package fsx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

func TestRemoveDir(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "point")
	killed := dir + ".partial-4194000" // what a killed process left of an earlier one
	for _, d := range []string{filepath.Join(dir, "sub"), killed} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "file"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is not there
		if err := fsx.RemoveDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if left := names(t, parent); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

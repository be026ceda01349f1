package testdata_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestFamilies opens every golden checkpoint and finds in it what Family promises.
func TestFamilies(t *testing.T) {
	names := testdata.Families(t)
	if !slices.IsSorted(names) || len(names) < 50 {
		t.Errorf("there are %d golden checkpoints, want 50 or more, sorted: %q", len(names), names)
	}
	for _, name := range names {
		dir := testdata.Family(t, name)
		folder, err := checkpoints.Open(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		defer folder.Close()
		golden, err := checkpoints.OpenFile(filepath.Join(dir, "golden.safetensors"))
		if err != nil {
			t.Error(err)
			continue
		}
		defer golden.Close()
		for _, want := range []string{"ids", "logits", "attention.0", "attention.1"} {
			if _, err := golden.Tensor(want); err != nil {
				t.Error(err)
			}
		}
	}
}

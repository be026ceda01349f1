package main

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the process that makes models and converts them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-only" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestResidentMemoryIsFlat converts a model and one several times its size: what the
// process holds depends on the largest tensor, which is the same in both.
func TestResidentMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 600 MB")
	}
	var rss []int64
	for _, layers := range []int{1, 6} {
		r, err := task{mixer: "mamba2", rounds: 1}.measure(t.TempDir(), dimensions{layers: layers, width: 1024, vocab: 8192})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d MB of tensors: %d MB resident", r.plan.BytesIn/1e6, r.rss/1e6)
		if r.rss > r.plan.PeakMemory {
			t.Errorf("%d bytes resident, want at most the planned %d", r.rss, r.plan.PeakMemory)
		}
		rss = append(rss, r.rss)
	}
	// The heap's garbage may differ by a few megabytes; the models by 150.
	if grown := rss[1] - rss[0]; grown > 20e6 {
		t.Errorf("6 layers need %d bytes more than 1, want 20 MB at most", grown)
	}
}

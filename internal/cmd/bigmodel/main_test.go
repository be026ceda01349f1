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

// TestResidentMemoryIsFlat converts a model and one three times its size: what the process
// holds depends on the largest tensor, which is the same in both.
func TestResidentMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 600 MB")
	}
	var rss []int64
	for _, layers := range []int{15, 45} {
		r, err := task{mixer: "mamba2", rounds: 1}.measure(t.TempDir(), dimensions{layers: layers, width: 1024, vocab: 1024, ffn: 512})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d MB of tensors: %d MB resident", r.plan.BytesIn/1e6, r.rss/1e6)
		if r.rss > r.plan.PeakMemory {
			t.Errorf("%d bytes resident, want at most the planned %d", r.rss, r.plan.PeakMemory)
		}
		rss = append(rss, r.rss)
	}
	// What is computed ahead and garbage may grow by some more megabytes; the models by 250.
	if grown := rss[1] - rss[0]; grown > 50e6 {
		t.Errorf("45 layers need %d bytes more than 15, want 50 MB at most", grown)
	}
}

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/rusage"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// What a dry run says that a run will take is what it takes, of resident memory. On XLA one
// model is enough, since compiling takes seconds.
func TestPlannedMemory(t *testing.T) {
	engine := enginetest.Name()
	if engine != "go" && engine != "xla:cpu" {
		t.Skipf("of engine %s no resident memory is planned", engine)
	}
	if testing.Short() {
		t.Skip("takes a gigabyte")
	}
	for _, c := range []struct {
		name, student string
		model         testmodel.Options
		tokens        int
		stage         string
	}{
		{
			"joint", "{mixer: lightning}",
			testmodel.Options{Layers: 2, Hidden: 128, HeadDim: 32, FFN: 512, Vocab: 6000},
			128,
			"{name: heal, kind: distill, train: all, steps: 2}",
		},
		{
			"layerwise", "{mixer: mamba2}",
			testmodel.Options{Layers: 3, Hidden: 320, Heads: 5, KVHeads: 5, HeadDim: 64, FFN: 640, Vocab: 4000},
			96,
			"{name: mimic, kind: align, train: new+qkv, execution: layerwise, steps: 2}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if engine != "go" && c.name != "joint" {
				t.Skip("on XLA the other one is enough")
			}
			dir := t.TempDir()
			text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog ", 90))
			recipe := fmt.Appendf(nil, `
teacher: %s
student: %s
data: {train: [{path: text.txt}], eval: [{path: text.txt}], seq_len: %d}
defaults: {batch_size: 2, learning_rate: 1e-4}
stages: [%s]
output_dir: run
`, testmodel.Llama(t, c.model), c.student, c.tokens, c.stage)
			for name, data := range map[string][]byte{"text.txt": text, "recipe.yaml": recipe} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			distill := func(args ...string) (out []byte, resident int64) {
				cmd := exec.Command("linearize", append([]string{"distill", filepath.Join(dir, "recipe.yaml"), "--engine", engine}, args...)...)
				var stdout, stderr bytes.Buffer
				cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
				cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "XLA_FLAGS=") // as the figure was fitted
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				resident = peakOf(cmd.Process.Pid)
				if err := cmd.Wait(); err != nil {
					t.Fatalf("%v\n%s", err, stderr.Bytes())
				}
				return stdout.Bytes(), resident
			}
			var plan struct {
				Engine string
				Stages []struct{ Memory struct{ Total int64 } }
			}
			out, _ := distill("--dry-run", "--json")
			if err := json.Unmarshal(out, &plan); err != nil {
				t.Fatal(err)
			}
			if plan.Engine != engine {
				t.Errorf("the plan is for engine %q, want %s", plan.Engine, engine)
			}
			planned := plan.Stages[0].Memory.Total
			_, measured := distill()
			off := float64(planned)/float64(measured) - 1
			t.Logf("planned %d MB, measured %d MB: %+.1f%%", planned/1e6, measured/1e6, 100*off)
			if off < -0.15 || off > 0.15 {
				t.Errorf("planned %d bytes, measured %d", planned, measured)
			}
		})
	}
}

// peakOf watches the largest resident memory of a process until that is over.
func peakOf(pid int) (peak int64) {
	for {
		now, err := rusage.Peak(pid)
		if err != nil { // ended, and not waited for
			return peak
		}
		peak = max(peak, now)
		time.Sleep(5 * time.Millisecond)
	}
}

package distill_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/lora"
)

// dropping trains two stages of adapters, the first one with dropout over parts of a
// step and a save between.
const dropping = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4", keep: "layers:0"}
data: {train: [{path: text.txt, separator: "|"}], seq_len: 12}
defaults: {batch_size: 2, learning_rate: 1e-2}
stages:
  - {name: heal, kind: distill, train: lora, lora: {r: 2, rslora: true, dropout: 0.3, targets: [q_proj, gate_proj], save: merged+adapter}, steps: 4, save_every: 2, grad_accumulation: 2}
  - {name: tune, kind: finetune, train: lora, lora: {r: 2, dropout: 0.1, targets: [v_proj], save: merged+adapter}, steps: 2}
`

// A run with dropout that was stopped at every step has the bits of one that never was,
// and draws other masks than no dropout.
func TestDropoutResumes(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, dropping)
	whole := filepath.Join(dir, "whole")
	final, _, err := run(t, plan(t, dir, distill.Options{Run: whole}), 0)
	if err != nil {
		t.Fatal(err)
	}
	halting := filepath.Join(dir, "halting")
	stops := 0
	for stops = range 10 {
		if _, _, err = run(t, plan(t, dir, distill.Options{Run: halting}), 1); err == nil {
			break
		}
	}
	if err != nil || stops < 4 {
		t.Fatalf("after %d stops: %v", stops, err)
	}
	sameBits(t, weights(t, filepath.Join(halting, "final")), weights(t, final))
	for _, path := range []string{"final", "stages/1-heal/step-0000002", "stages/1-heal/step-0000004"} {
		for _, name := range []string{"adapter_model.safetensors", "adapter_config.json"} {
			want, err := os.ReadFile(filepath.Join(whole, path, "adapter", name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(halting, path, "adapter", name))
			if err != nil {
				t.Fatal(err)
			}
			if name == "adapter_config.json" { // which names the run folder
				got = bytes.ReplaceAll(got, []byte("halting"), []byte("whole"))
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s/adapter/%s is another", path, name)
			}
		}
	}
	// The final model's adapter comes after it, so that a kill can leave it out.
	if err := os.RemoveAll(filepath.Join(final, "adapter")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: whole}), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(final, "adapter", "adapter_model.safetensors")); err != nil {
		t.Errorf("the final model is left without its adapter: %v", err)
	}
	dry, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, "dry")}, "stages[0].lora.dropout=0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	const q = "model.layers.1.self_attn.q_proj.weight"
	if bytes.Equal(weights(t, dry)[q], weights(t, final)[q]) {
		t.Error("dropout changes nothing")
	}
}

// A run that keeps few points keeps those that adapters stand on, as long as there are such
// adapters, wherever it is stopped.
func TestKeepBases(t *testing.T) {
	sets := []string{"keep={last: 1}", "stages[1].save_every=1"}
	for name, more := range map[string]string{
		"adapters last":   "",
		"adapters before": "  - {name: last, kind: finetune, train: mixers, steps: 2, save_every: 1}\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := workshop(t, dropping+more)
			o := distill.Options{Run: filepath.Join(dir, "run")}
			points := func(pattern string) []string {
				t.Helper()
				list, err := filepath.Glob(filepath.Join(o.Run, pattern))
				if err != nil {
					t.Fatal(err)
				}
				return list
			}
			for again := true; again; {
				_, _, err := run(t, plan(t, dir, o, sets...), 1)
				if _, again = errors.AsType[*distill.InterruptedError](err); err != nil && !again {
					t.Fatal(err)
				}
				for _, path := range slices.Concat(points("stages/*/*/adapter"), points("final/adapter")) {
					adapter, err := lora.Open(path)
					if err != nil {
						t.Fatal(err)
					}
					_ = adapter.Close()
					if _, err := checkpoints.Open(adapter.Base); err != nil {
						t.Errorf("%s stands on what is not there: %v", path, err)
					}
				}
			}
			want := []string{"stages/1-heal/step-0000004", "stages/2-tune/step-0000002"}
			if more != "" {
				want = []string{"stages/3-last/step-0000002"}
			}
			for i, path := range want {
				want[i] = filepath.Join(o.Run, path)
			}
			if got := points("stages/*-*/step-*"); !slices.Equal(got, want) {
				t.Errorf("points are %q, want %q", got, want)
			}
		})
	}
	// A run that did not save adapters has not kept what they would stand on.
	dir := workshop(t, dropping)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o, append(sets, "stages[1].lora.save=merged")...), 5); err == nil {
		t.Fatal("the run was not interrupted")
	}
	_, _, err := run(t, plan(t, dir, o, sets...), 0)
	if err == nil || !strings.Contains(err.Error(), "step-0000004, which the adapter would stand on, is not there any more") {
		t.Errorf("Run() = %v", err)
	}
}

// What a point has in its weights is what its adapter gives, merged into the folder that
// the stage started from.
func TestSavedAdapters(t *testing.T) {
	dir := workshop(t, dropping)
	runDir := filepath.Join(dir, "run")
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: runDir}), 0); err != nil {
		t.Fatal(err)
	}
	for point, base := range map[string]string{
		"stages/1-heal/step-0000002": "stages/0-convert",
		"stages/1-heal/step-0000004": "stages/0-convert",
		"stages/2-tune/step-0000002": "stages/1-heal/step-0000004",
		"final":                      "stages/1-heal/step-0000004",
	} {
		point, base = filepath.Join(runDir, point), filepath.Join(runDir, base)
		adapter, err := lora.Open(filepath.Join(point, "adapter"))
		if err != nil {
			t.Fatal(err)
		}
		defer adapter.Close()
		if adapter.Base != base {
			t.Errorf("%s: base is %s, want %s", point, adapter.Base, base)
		}
		merged := filepath.Join(t.TempDir(), "merged")
		p, err := lora.NewMerge(base, adapter.Dir, merged, lora.MergeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		sameBits(t, weights(t, merged), weights(t, point))
	}
}

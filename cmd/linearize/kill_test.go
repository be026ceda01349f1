//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// killedRun trains jointly, layer by layer, and through adapters with dropout, with
// saves on the way of which some go.
const killedRun = `
seed: 7
teacher: %s
student: {mixer: "hedgehog,window=4", keep: "layers:0"}
data: {train: [{path: text.txt}], eval: [{path: text.txt}], seq_len: 16}
defaults: {batch_size: 2, clip_norm: 1, learning_rate: 1e-2}
keep: {last: 2, best: 1}
stages:
  - {name: mimic, kind: align, train: new, steps: 6, save_every: 2}
  - {name: layers, kind: align, train: new+qkv, execution: layerwise, steps: 4, save_every: 2}
  - {name: heal, kind: distill, train: lora, lora: {r: 2, alpha: 4, dropout: 0.2, targets: [all-linear]}, steps: 8, save_every: 2, eval_every: 4}
  - {name: tune, kind: finetune, train: all, steps: 6, save_every: 2}
`

// A run that is killed at any moment, again and again, goes on from what it saved and
// ends with the bits of one that never was.
func TestKilled(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	if testing.Short() {
		t.Skip("starts a program dozens of times")
	}
	dir := t.TempDir()
	recipe := fmt.Appendf(nil, killedRun, testmodel.Llama(t, testmodel.Options{Layers: 3, Vocab: 300, Seed: 5}))
	for name, data := range map[string][]byte{
		"recipe.yaml": recipe,
		"text.txt":    []byte(strings.Repeat("the quick brown fox jumps over the lazy dog and goes on ", 30)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start := func(out string) (*exec.Cmd, *bytes.Buffer) {
		var said bytes.Buffer
		cmd := exec.Command("linearize", "distill", "recipe.yaml", "-o", out, "--engine", "go")
		cmd.Dir, cmd.Stderr = dir, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &said
	}
	began := time.Now()
	cmd, said := start("whole")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	whole := time.Since(began)
	random := rand.New(rand.NewPCG(1, uint64(began.UnixNano())))
	for kills := 0; ; {
		cmd, said = start("killed")
		if kills < 20 {
			// Early moments are those of loading and going on, late ones those of saves.
			time.Sleep(time.Duration(random.Int64N(int64(whole) / 2)))
			_ = cmd.Process.Kill() // unless it has come to its end
		}
		err := cmd.Wait()
		switch {
		case err != nil && cmd.ProcessState.Exited():
			t.Fatalf("after %d kills: %v: %s", kills, err, said)
		case err != nil:
			kills++
			continue
		}
		sameRun(t, filepath.Join(dir, "killed"), filepath.Join(dir, "whole"))
		if kills >= 20 {
			return
		}
		if err := os.RemoveAll(filepath.Join(dir, "killed")); err != nil {
			t.Fatal(err)
		}
	}
}

func sameRun(t *testing.T, killed, whole string) {
	t.Helper()
	for _, name := range []string{"final/model.safetensors", "final/config.json"} {
		if !bytes.Equal(readFile(t, filepath.Join(killed, name)), readFile(t, filepath.Join(whole, name))) {
			t.Errorf("%s differs from that of a run that was never killed", name)
		}
	}
	left, err := filepath.Glob(filepath.Join(killed, "stages", "*", "*.partial*"))
	if err != nil || len(left) > 0 {
		t.Errorf("halves of saves are left: %v, %v", left, err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

package distill_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// A run that was stopped and resumed, at every single step, has the losses and
// the final weights of one that never was, bit for bit.
func TestResume(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, chain)
	whole := filepath.Join(dir, "whole")
	wantDir, _, err := run(t, plan(t, dir, distill.Options{Run: whole}), 0)
	if err != nil {
		t.Fatal(err)
	}
	stuttering := filepath.Join(dir, "stuttering")
	o := distill.Options{Run: stuttering}
	orphan := filepath.Join(stuttering, "stages", "2-heal", "step-0000009.partial-4194000")
	for i := range 30 {
		if i == 8 { // as of a process that was killed
			if err := os.MkdirAll(orphan, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = run(t, plan(t, dir, o), 1)
		interrupted, ok := errors.AsType[*distill.InterruptedError](err)
		if !ok {
			break
		}
		if interrupted.ExitCode() != 130 {
			t.Fatalf("exit code %d, want 130", interrupted.ExitCode())
		}
		if _, err := checkpoints.Open(interrupted.At); err != nil {
			t.Fatalf("what was saved cannot be opened: %v", err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Errorf("%s is left", orphan)
	}
	got, want := losses(t, stuttering), losses(t, whole)
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range want {
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Errorf("event %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	sameBits(t, weights(t, filepath.Join(stuttering, "final")), weights(t, wantDir))

	// A finished run stays as it is.
	final, out, err := run(t, plan(t, dir, o), 0)
	if err != nil || final != filepath.Join(stuttering, "final") || !strings.Contains(out, "is finished") {
		t.Errorf("Run() again = %q, %v, said %q", final, err, out)
	}
}

// What a stage may not train keeps its bits, and what it trains moves.
func TestTrainSets(t *testing.T) {
	dir := workshop(t, chain)
	runDir := filepath.Join(dir, "run")
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: runDir}), 0); err != nil {
		t.Fatal(err)
	}
	points := []string{"0-convert", "1-mimic/step-0000004", "2-heal/step-0000004", "3-tune/step-0000005"}
	moved := make([][]string, len(points))
	before := weights(t, filepath.Join(runDir, "stages", points[0]))
	for i, point := range points[1:] {
		after := weights(t, filepath.Join(runDir, "stages", point))
		for name := range before {
			if !bytes.Equal(before[name], after[name]) {
				moved[i+1] = append(moved[i+1], name)
			}
		}
		before = after
	}
	for _, name := range moved[1] {
		if !strings.Contains(name, ".mixer.") {
			t.Errorf("stage mimic trains new tensors, and %s moved", name)
		}
	}
	for _, name := range moved[2] {
		attention := strings.HasSuffix(name, "q_proj.weight") || strings.HasSuffix(name, "v_proj.weight")
		if !(attention && !strings.Contains(name, "layers.0.")) && !strings.HasSuffix(name, "gate_proj.weight") {
			t.Errorf("stage heal adapts q, v of linear layers and gate, and %s moved", name)
		}
	}
	if got, want := len(moved[1]), 2*3; got != want {
		t.Errorf("stage mimic moved %d tensors, want %d", got, want)
	}
	if got, want := len(moved[2]), 2*2+3; got != want {
		t.Errorf("stage heal moved %d tensors, want %d", got, want)
	}
	if got, want := len(moved[3]), len(before); got != want {
		t.Errorf("stage tune moved %d tensors, want all %d", got, want)
	}
}

// A loss that is not a number ends the run with the layer's name; the last save stands.
func TestDiverged(t *testing.T) {
	dir := workshop(t, chain)
	runDir := filepath.Join(dir, "run")
	o := distill.Options{Run: runDir}
	_, _, err := run(t, plan(t, dir, o, "stages[2].learning_rate=1e37"), 0)
	diverged, ok := errors.AsType[*distill.DivergedError](err)
	if !ok || diverged.ExitCode() != 4 || diverged.Stage != "3-tune" {
		t.Fatalf("Run() = %v, want a *DivergedError of stage 3-tune", err)
	}
	if !strings.Contains(diverged.Where, "layer") && !strings.Contains(diverged.Where, "head") {
		t.Errorf("where = %q, want the place named", diverged.Where)
	}
	if _, err := checkpoints.Open(filepath.Join(runDir, "stages", "2-heal", "step-0000004")); err != nil {
		t.Errorf("the last save: %v", err)
	}
}

// A model whose weights are not numbers is named before any training.
func TestNotANumber(t *testing.T) {
	dir := workshop(t, chain)
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Teacher, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o), 1); err == nil {
		t.Fatal("the run was not interrupted")
	}
	copy(data[len(data)-4:], []byte{0, 0, 0xc0, 0x7f})
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = run(t, plan(t, dir, o), 0)
	diverged, ok := errors.AsType[*distill.DivergedError](err)
	if !ok || !strings.HasPrefix(diverged.Where, "teacher, ") || !strings.Contains(diverged.Where, " is NaN at element ") {
		t.Errorf("Run() on = %v, want a *DivergedError that names the teacher's tensor", err)
	}
	o.Run = filepath.Join(dir, "another")
	if _, _, err = run(t, plan(t, dir, o), 0); err == nil || !strings.Contains(err.Error(), "element 1023 of shape [32 32] is NaN") {
		t.Errorf("Run() = %v, want the tensor named before anything is trained", err)
	}
}

package distill_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/internal/metrics"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// chain trains all three kinds of stage, one of them through adapters.
const chain = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4", keep: "layers:0"}
data:
  train: [{path: text.txt, separator: "|"}]
  eval:  [{path: text.txt, separator: "|"}]
  seq_len: 12
defaults: {batch_size: 2, betas: [0.9, 0.95], clip_norm: 1, learning_rate: 1e-2}
stages:
  - {name: mimic, kind: align, train: new, steps: 4}
  - {name: heal, kind: distill, train: lora, lora: {r: 2, alpha: 4, targets: [q_proj, v_proj, gate_proj]}, steps: 4, save_every: 2}
  - {name: tune, kind: finetune, train: all, steps: 5, save_every: 2, eval_every: 2, grad_accumulation: 2, weight_decay: 0.1}
`

// workshop holds a teacher, text and a recipe.
func workshop(t *testing.T, recipe string) string {
	t.Helper()
	dir := t.TempDir()
	teacher := testmodel.Llama(t, testmodel.Options{Layers: 3, Vocab: 300, Seed: 5})
	write(t, filepath.Join(dir, "text.txt"), strings.Repeat("the quick brown fox | jumps over the lazy dog and goes on | 0123456789 ", 30))
	write(t, filepath.Join(dir, "recipe.yaml"), fmt.Sprintf(recipe, teacher))
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func plan(t *testing.T, dir string, o distill.Options, sets ...string) *distill.Plan {
	t.Helper()
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), sets...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := distill.NewPlan(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// interrupter ends the context at the n-th step that is reported.
type interrupter struct {
	left   *int
	cancel context.CancelFunc
}

func (x interrupter) Set(int64, string) {
	if *x.left--; *x.left == 0 {
		x.cancel()
	}
}

func (interrupter) Done() {}

// run runs a plan to its end, or until so many steps are done.
func run(t *testing.T, p *distill.Plan, stopAfter int) (final, out string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var b bytes.Buffer
	env := distill.Env{Engine: enginetest.Name(), Out: &b, Clock: time.Now, NoPlots: true, Notice: func(line string) { b.WriteString(line + "\n") }}
	if stopAfter > 0 {
		env.Progress = func(string, int64) distill.Progress { return interrupter{&stopAfter, cancel} }
	}
	final, err = p.Run(ctx, env)
	return final, b.String(), err
}

// losses is what a run measured, without what depends on the clock.
func losses(t *testing.T, dir string) []distill.Event {
	t.Helper()
	path := filepath.Join(dir, "metrics.jsonl")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	events, err := metrics.Read(path, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	events = slices.DeleteFunc(events, func(e distill.Event) bool { return e.Event == "save" })
	for i := range events {
		events[i].TokensPerSec, events[i].Time = 0, time.Time{}
	}
	return events
}

func weights(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	return saved(t, dir, func(x checkpoints.Tensor) ([]byte, error) { return bytes.Clone(x.Data), nil })
}

// saved reads every tensor of a folder.
func saved[T any](t *testing.T, dir string, read func(checkpoints.Tensor) (T, error)) map[string]T {
	t.Helper()
	folder, err := checkpoints.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	all := map[string]T{}
	for _, name := range folder.Names() {
		x, err := folder.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = read(x); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func sameBits(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("tensor %s differs", name)
		}
	}
}

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

func TestRefusals(t *testing.T) {
	dir := workshop(t, chain)
	runDir := filepath.Join(dir, "run")
	o := distill.Options{Run: runDir, Resume: true}
	if _, _, err := run(t, plan(t, dir, o), 0); err == nil || !strings.Contains(err.Error(), "no save to resume") {
		t.Errorf("resume of nothing: %v", err)
	}
	if _, err := os.Stat(runDir); err == nil {
		t.Error("a refused run left a folder")
	}

	o.Resume = false
	if _, _, err := run(t, plan(t, dir, o), 6); err == nil {
		t.Fatal("the run was not interrupted")
	}
	state, err := os.ReadFile(filepath.Join(runDir, "state.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = run(t, plan(t, dir, o, "stages[0].learning_rate=0.5"), 0)
	if changed, ok := errors.AsType[*distill.ChangedError](err); !ok || changed.ExitCode() != 3 {
		t.Errorf("another recipe in the same folder: %v, want a *ChangedError", err)
	}
	if after, err := os.ReadFile(filepath.Join(runDir, "state.safetensors")); err != nil || !bytes.Equal(after, state) {
		t.Errorf("the refused run changed the state: %v", err)
	}

	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(foreign, "thesis.tex"), "mine")
	for _, overwrite := range []bool{false, true} {
		_, _, err = run(t, plan(t, dir, distill.Options{Run: foreign, Overwrite: overwrite}), 0)
		if err == nil || !strings.Contains(err.Error(), "holds no run") {
			t.Errorf("a folder of somebody else, overwrite %v: %v", overwrite, err)
		}
	}
}

// What goes wrong while a run opens is an error, not a panic, and what is left lets
// the same command begin again.
func TestOpenFails(t *testing.T) {
	dir := workshop(t, chain)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	p := plan(t, dir, o)
	env := distill.Env{Engine: "none", Out: io.Discard, Clock: time.Now}
	if _, err := p.Run(t.Context(), env); err == nil || !strings.Contains(err.Error(), `engine "none"`) {
		t.Errorf("an engine that is not there: %v", err)
	}
	text := filepath.Join(dir, "text.txt")
	write(t, text, "too short")
	_, _, err := run(t, p, 0)
	if x, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); !ok || x.ExitCode() != 3 || !strings.Contains(err.Error(), "data.train: has 9 tokens") {
		t.Errorf("a text of less than a window: %v", err)
	}
	if _, err := os.Stat(p.Dir); err == nil {
		t.Error("a refused run left a folder")
	}
	if err := os.Remove(text); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, p, 0); err == nil || !strings.Contains(err.Error(), "data.train") {
		t.Errorf("a text that is gone: %v", err)
	}
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := distill.NewPlan(r, o); err == nil || !strings.Contains(err.Error(), "data.train: stat") {
		t.Errorf("NewPlan() without the text = %v", err)
	}
	r.Data.SeqLen = 4
	if _, err := distill.NewPlan(r, o); err == nil || !strings.Contains(err.Error(), "linear branch would learn nothing") {
		t.Errorf("NewPlan() with seq_len as long as the softmax window = %v", err)
	}
}

// Starting over removes a run and nothing else: neither a folder with a recipe.yaml
// of somebody's own nor one that holds what the run reads.
func TestOverwriteKeeps(t *testing.T) {
	dir := workshop(t, chain)
	_, _, err := run(t, plan(t, dir, distill.Options{Run: dir, Overwrite: true}), 0)
	if err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("the recipe's own folder: %v", err)
	}
	write(t, filepath.Join(dir, "linearize.json"), "{}")
	_, _, err = run(t, plan(t, dir, distill.Options{Run: dir, Overwrite: true}), 0)
	if err == nil || !strings.Contains(err.Error(), "output holds the input") {
		t.Errorf("a run folder that holds the text: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "text.txt")); err != nil {
		t.Error(err)
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
	if _, _, err = run(t, plan(t, dir, o), 0); err == nil || !strings.Contains(err.Error(), "element 31 of shape [32] is NaN") {
		t.Errorf("Run() = %v, want the tensor named before anything is trained", err)
	}
}

// Two processes would overwrite each other's saves.
func TestOneAtATime(t *testing.T) {
	dir := workshop(t, chain)
	runDir := filepath.Join(dir, "run")
	if err := os.Mkdir(runDir, 0o755); err != nil {
		t.Fatal(err)
	}
	release, ok := fsx.Hold(runDir)
	if !ok {
		t.Fatal("a folder of our own is held")
	}
	o := distill.Options{Run: runDir}
	if _, _, err := run(t, plan(t, dir, o), 0); err == nil || !strings.Contains(err.Error(), "another process is at work in it") {
		t.Errorf("Run() = %v, want a refusal", err)
	}
	release()
	if _, _, err := run(t, plan(t, dir, o), 0); err != nil {
		t.Errorf("Run() after the release: %v", err)
	}
}

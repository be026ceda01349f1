package distill_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/recipes"
)

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
	none := o
	none.Engine = "none"
	if _, _, err := run(t, plan(t, dir, none), 0); err == nil || !strings.Contains(err.Error(), `engine "none"`) {
		t.Errorf("an engine that is not there: %v", err)
	}
	p := plan(t, dir, o)
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

// Starting over empties a run folder: also one behind a link, and one that a kill left
// half empty.
func TestStartOver(t *testing.T) {
	dir := workshop(t, pair)
	target, link := filepath.Join(dir, "elsewhere"), filepath.Join(dir, "run")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	o := distill.Options{Run: link, Overwrite: true}
	stale := filepath.Join(target, "stages", "9-stale")
	for _, lost := range []string{"nothing", "state.safetensors", "metrics.jsonl"} {
		if _, _, err := run(t, plan(t, dir, o), 0); err != nil {
			t.Fatalf("before %s is lost: %v", lost, err)
		}
		if _, err := os.Stat(stale); err == nil {
			t.Errorf("before %s is lost: what the run before had is left", lost)
		}
		if err := os.Mkdir(stale, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Join(target, lost))
	}
	if _, _, err := run(t, plan(t, dir, o), 0); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(target, "final")); err != nil {
		t.Error(err)
	}
}

// Two processes would overwrite each other's saves.
func TestOneAtATime(t *testing.T) {
	dir := workshop(t, chain)
	runDir := filepath.Join(dir, "run")
	if err := os.Mkdir(runDir, 0o755); err != nil {
		t.Fatal(err)
	}
	release, err := fsx.Hold(runDir)
	if err != nil {
		t.Fatal(err)
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

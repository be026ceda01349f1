package distill_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// pair is two stages without adapters and at rates that do not depend on their length.
const pair = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4"}
data:
  train: [{path: text.txt, separator: "|"}]
  eval:  [{path: text.txt, separator: "|"}]
  seq_len: 12
defaults: {batch_size: 2, learning_rate: 1e-2, schedule: constant}
stages:
  - {name: mimic, kind: align, train: new, steps: 2}
  - {name: tune, kind: finetune, train: all, steps: 4, save_every: 1, eval_every: 2}
`

// changed runs a plan that is refused, and returns what it says of the recipe.
func changed(t *testing.T, p *distill.Plan) []string {
	t.Helper()
	_, _, err := run(t, p, 0)
	e, ok := errors.AsType[*distill.ChangedError](err)
	if !ok || e.ExitCode() != 3 {
		t.Fatalf("Run() = %v, want a *ChangedError", err)
	}
	for _, c := range e.Changes {
		if !strings.Contains(e.Error(), "\n    "+c) {
			t.Errorf("the error does not tell of %q:\n%v", c, e)
		}
	}
	return e.Changes
}

// A stage that is not done and the last stage, done or not, may be given more steps:
// the bits are those of a run that had them from the start.
func TestMoreSteps(t *testing.T) {
	dir := workshop(t, pair)
	whole := filepath.Join(dir, "whole")
	want, _, err := run(t, plan(t, dir, distill.Options{Run: whole}, "stages[1].steps=6"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, stopAfter := range map[string]int{"in the first stage": 1, "in the last stage": 4, "finished": 0} {
		t.Run(name, func(t *testing.T) {
			o := distill.Options{Run: filepath.Join(t.TempDir(), "run")}
			_, _, err := run(t, plan(t, dir, o), stopAfter)
			if _, ok := errors.AsType[*distill.InterruptedError](err); ok != (stopAfter > 0) || err != nil && !ok {
				t.Fatalf("Run() = %v", err)
			}
			// Killed before the next save, it is refused what it was refused before.
			got := changed(t, plan(t, dir, o, "stages[1].steps=6", "seed=4", "stages[1].learning_rate=0.5"))
			if diff := cmp.Diff([]string{"seed: was 3, is 4", "stages[1].learning_rate: was 0.01, is 0.5"}, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"stages[1].steps: was 4, is 3"}, changed(t, plan(t, dir, o, "stages[1].steps=3"))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if stopAfter == 0 { // stopped at once, it is not finished any more
				if _, _, err := run(t, plan(t, dir, o, "stages[1].steps=6"), 1); err == nil {
					t.Fatal("the run was not interrupted")
				}
				if st, err := distill.ReadStatus(o.Run); err != nil || st.State != distill.Stopped || st.Step != 5 || st.Steps != 6 {
					t.Errorf("ReadStatus() = %+v, %v", st, err)
				}
			}
			final, out, err := run(t, plan(t, dir, o, "stages[1].steps=6"), 0)
			if err != nil {
				t.Fatal(err)
			}
			if stopAfter > 0 && !strings.Contains(out, "stage 2-tune has 6 steps instead of 4\n") {
				t.Errorf("the run does not tell of its new length:\n%s", out)
			}
			if enginetest.Name() == "go" {
				sameBits(t, weights(t, final), weights(t, want))
			}
			if recipe, err := os.ReadFile(filepath.Join(o.Run, "recipe.yaml")); err != nil || !strings.Contains(string(recipe), "steps: 6") {
				t.Errorf("recipe.yaml is %v\n%s", err, recipe)
			}
			if _, out, err := run(t, plan(t, dir, o, "stages[1].steps=6"), 0); err != nil || !strings.Contains(out, "is finished") {
				t.Errorf("Run() again = %v, said %q", err, out)
			}
		})
	}
	// A stage that is done stays as it is, and so does one of adapters.
	got := changed(t, plan(t, dir, distill.Options{Run: whole}, "stages[1].steps=6", "stages[0].steps=3"))
	if diff := cmp.Diff([]string{"stages[0].steps: was 2, is 3, and the stage is done: the next one began with what it made"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// A schedule that depends on the length follows the new one, and says so.
func TestMoreStepsOfASchedule(t *testing.T) {
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o, "stages[1].schedule=cosine"), 4); err == nil {
		t.Fatal("the run was not interrupted")
	}
	_, out, err := run(t, plan(t, dir, o, "stages[1].schedule=cosine", "stages[1].steps=6"), 0)
	if want := "stage 2-tune has 6 steps instead of 4; its cosine schedule will go by the new length after step 2\n"; err != nil || !strings.Contains(out, want) {
		t.Errorf("Run() = %v, said %q, want %q", err, out, want)
	}
}

// A text that changes under a run would train something else.
func TestDataChanged(t *testing.T) {
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o), 4); err == nil {
		t.Fatal("the run was not interrupted")
	}
	text, err := os.ReadFile(filepath.Join(dir, "text.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "text.txt"), strings.Replace(string(text), "fox", "fix", 1))
	_, _, err = run(t, plan(t, dir, o), 0)
	if err == nil || !regexp.MustCompile(`^data.train: its text, or the tokenizer, has changed since run .* began: there were \d+ tokens \(CRC-32C [0-9a-f]{8}\), and there are`).MatchString(err.Error()) {
		t.Errorf("Run() = %v", err)
	}
	write(t, filepath.Join(dir, "text.txt"), string(text))
	if _, _, err := run(t, plan(t, dir, o), 0); err != nil {
		t.Errorf("Run() with the text as it was: %v", err)
	}
}

// Of the saved points the newest stay and the best, and the final model.
func TestKeep(t *testing.T) {
	dir := workshop(t, pair)
	for _, tt := range []struct {
		keep string
		want []string
	}{
		{"", []string{"1-mimic/step-0000002", "2-tune/step-0000001", "2-tune/step-0000002", "2-tune/step-0000003", "2-tune/step-0000004"}},
		{"keep={last: 2}", []string{"2-tune/step-0000003", "2-tune/step-0000004"}},
		{"keep={last: 1, best: 2}", []string{"2-tune/step-0000002", "2-tune/step-0000004"}},
	} {
		t.Run(tt.keep, func(t *testing.T) {
			o := distill.Options{Run: filepath.Join(t.TempDir(), "run")}
			sets := []string{"metrics=[csv, tensorboard]"}
			if tt.keep != "" {
				sets = append(sets, tt.keep)
			}
			for _, stopAfter := range []int{3, 1, 0} { // what a run keeps does not depend on its starts
				if _, _, err := run(t, plan(t, dir, o, sets...), stopAfter); (err != nil) != (stopAfter > 0) {
					t.Fatal(err)
				}
			}
			points, err := filepath.Glob(filepath.Join(o.Run, "stages", "*", "step-*"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range points {
				rel, _ := filepath.Rel(filepath.Join(o.Run, "stages"), p)
				got = append(got, filepath.ToSlash(rel))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("points are %q, want %q", got, tt.want)
			}
			if _, err := os.Stat(filepath.Join(o.Run, "final", "config.json")); err != nil {
				t.Error(err)
			}
			if rows, lines := countLines(t, filepath.Join(o.Run, "metrics.csv")), countLines(t, filepath.Join(o.Run, "metrics.jsonl")); rows != lines+1 {
				t.Errorf("metrics.csv has %d lines, want those of the %d of metrics.jsonl and a header", rows, lines)
			}
		})
	}
}

func countLines(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// Who is at work in a folder is named to who comes second.
func TestHolderNamed(t *testing.T) {
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	_, _, err := run(t, plan(t, dir, o), 2)
	if err == nil {
		t.Fatal("the run was not interrupted")
	}
	if _, err := os.Stat(filepath.Join(o.Run, "run.pid")); err == nil {
		t.Error("run.pid is left")
	}
	release, err := fsx.Hold(o.Run)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	write(t, filepath.Join(o.Run, "run.pid"), "4711 there\n")
	if _, _, err := run(t, plan(t, dir, o), 0); err == nil || err.Error() != fmt.Sprintf("run folder %s: process 4711 on there is at work in it", o.Run) {
		t.Errorf("Run() = %v", err)
	}
}

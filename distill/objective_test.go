package distill_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/toplogits"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// knobs has every part of an objective, a schedule that follows the evaluations, windows
// that drop out and a teacher that is remembered.
const knobs = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4", layer_mixers: {2: "hedgehog,window=3,terrace,affine"}}
data:
  train: [{path: text.txt, separator: "|"}]
  eval:  [{path: text.txt, separator: "|"}]
  seq_len: 12
defaults: {batch_size: 2, learning_rate: 1e-2}
stages:
  - {name: weights, kind: align, train: new, steps: 3, loss: {attention: 1, mse: 0.5}, window_dropout: 1}
  - {name: outputs, kind: align, train: new+qkvo, steps: 5, loss: {l2: 1, cosine: 0.1, target: post_o}, schedule: plateau, eval_every: 1, patience: 1, factor: 0.5}
  - {name: teach, kind: distill, train: all, steps: 6, loss: {kl: 0.6, reverse_kl: 0.3, ce: 0.1, temperature: 2}, teacher_logits: {top_k: 5}, window_dropout: [0.9, 0.5, 0], grad_accumulation: 2}
  - {name: again, kind: distill, train: mixers, steps: 3, loss: {kl: 1, temperature: 2}, teacher_logits: {top_k: 5}, save_every: 2}
`

// A run of them that is stopped at every step ends with the bits of one that is not.
func TestKnobsResume(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, knobs)
	whole := filepath.Join(dir, "whole")
	wantDir, out, err := run(t, plan(t, dir, distill.Options{Run: whole}), 0)
	if err != nil {
		t.Fatal(err)
	}
	// The last stage reads what the one before has remembered.
	for _, line := range []string{"the teacher read 24 windows; 0 times one was there", "the teacher read 0 windows; 6 times one was there"} {
		if !strings.Contains(out, line) {
			t.Errorf("the run does not say %q:\n%s", line, out)
		}
	}
	stuttering := filepath.Join(dir, "stuttering")
	for range 30 {
		_, _, err = run(t, plan(t, dir, distill.Options{Run: stuttering}), 1)
		if _, ok := errors.AsType[*distill.InterruptedError](err); !ok {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	got, want := losses(t, stuttering), losses(t, whole)
	for i := range want {
		if i >= len(got) || fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Fatalf("event %d of %d and %d:\n got %+v\nwant %+v", i, len(got), len(want), got[min(i, len(got)-1)], want[i])
		}
	}
	sameBits(t, weights(t, filepath.Join(stuttering, "final")), weights(t, wantDir))
}

// All of the vocabulary but one token remembered is as good as the teacher beside it.
func TestTeacherLogits(t *testing.T) {
	dir := workshop(t, knobs)
	sets := []string{"stages[2].window_dropout=0", "stages[2].steps=3"}
	final := func(name string, more ...string) []distill.Event {
		t.Helper()
		p := plan(t, dir, distill.Options{Run: filepath.Join(dir, name)}, append(sets, more...)...)
		if _, _, err := run(t, p, 0); err != nil {
			t.Fatal(err)
		}
		return losses(t, p.Dir)
	}
	all := final("all", "stages[2].teacher_logits.top_k=299")
	few := final("few", "stages[2].teacher_logits.top_k=20")
	for i, e := range all {
		if e.Event != "step" || e.Stage != "3-teach" {
			continue
		}
		if a, b := e.Parts["kl"], few[i].Parts["kl"]; !(b <= a*(1+1e-5)) {
			t.Errorf("step %d: KL of 20 tokens and the rest is %g, want at most that of all, %g", e.Step, b, a)
		}
	}
}

// A file of logits that the disk has no room for is refused before the teacher runs.
func TestTeacherLogitsSpace(t *testing.T) {
	dir := workshop(t, knobs)
	stages := `stages=[{name: teach, kind: distill, train: all, steps: 6, teacher_logits: {top_k: 5}}]`
	p := plan(t, dir, distill.Options{Run: filepath.Join(dir, "run")}, stages, "data.eval=[]")
	env := distill.Env{Out: io.Discard, Clock: time.Now, NoPlots: true, Free: func(string) int64 { return 1000 }}
	_, err := p.Run(t.Context(), env)
	space, ok := errors.AsType[*toplogits.SpaceError](err)
	if want := int64(52 + 12*(4+12*(8*5+4)+4)); !ok || space.Want != want || space.Free != 1000 || !strings.Contains(space.Hint(), "top_k") ||
		!strings.HasSuffix(err.Error(), "takes 6.48 kB, and the disk has 1 kB free") {
		t.Errorf("Run() is %v, want a *SpaceError for %d bytes", err, want)
	}
}

// What the student's mixers or the vocabulary do not have is refused before anything
// is written.
func TestObjectiveRefused(t *testing.T) {
	dir := workshop(t, knobs)
	for _, tt := range []struct {
		sets []string
		want string
	}{
		{[]string{"student.layer_mixers={1: mamba2}"}, "loss.attention: layer 1 is mamba2, which has no attention weights"},
		{[]string{"student={mixer: hedgehog}"}, "stage weights: window_dropout: no linear layer of the student has a softmax window to drop"},
		{[]string{"stages[2].teacher_logits.top_k=300"}, "teacher_logits.top_k is 300, want less than the 300 tokens"},
	} {
		r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), tt.sets...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = distill.NewPlan(r, distill.Options{Run: filepath.Join(dir, "refused")})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.sets, err, tt.want)
		}
	}
}

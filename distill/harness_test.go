package distill_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
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
	o.Engine = cmp.Or(o.Engine, enginetest.Name())
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
	env := distill.Env{Out: &b, Clock: time.Now, NoPlots: true, Notice: func(line string) { b.WriteString(line + "\n") }}
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

package distill_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
)

const talks = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4", keep: "layers:0"}
data:
  train: [{path: talks.jsonl}]
  eval:  [{path: answers.jsonl}]
  seq_len: 24
defaults: {batch_size: 2, betas: [0.9, 0.95], clip_norm: 1, learning_rate: 1e-2}
stages:
  - {name: mimic, kind: align, train: new, steps: 2}
  - {name: tune, kind: finetune, train: all, steps: 12, save_every: 5, grad_accumulation: 2}
`

// Conversations train a student by their answers alone, in either packing, and a run
// that was interrupted goes on with the windows that it would have drawn.
func TestRows(t *testing.T) {
	dir := workshop(t, talks)
	p := plan(t, dir, distill.Options{Run: filepath.Join(dir, "none")}, "data.train=[{path: text.txt}]", "data.eval=[{path: text.txt}]")
	write(t, filepath.Join(p.Teacher, "chat_template.jinja"),
		"{% for m in messages %}{{ m.role[0] }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}.{% endgeneration %}{% else %}{{ m.content }} {% endif %}{% endfor %}")
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `{"messages":[{"role":"user","content":"question number %d of many"},{"role":"assistant","content":"yes, %d"}]}`+"\n", i, i%3)
	}
	write(t, filepath.Join(dir, "talks.jsonl"), rows.String())
	write(t, filepath.Join(dir, "answers.jsonl"), strings.Repeat(`{"prompt":"question? ","completion":"yes, 1"}`+"\n", 9))
	for _, packing := range []string{"concat", "documents"} {
		set := "data.packing=" + packing
		whole := filepath.Join(dir, "whole-"+packing)
		want, _, err := run(t, plan(t, dir, distill.Options{Run: whole}, set), 0)
		if err != nil {
			t.Fatal(err)
		}
		var first, last float64
		for _, e := range losses(t, whole) {
			if e.Event == "step" && e.Stage == "2-tune" {
				if last = e.Loss; e.Step == 1 {
					first = e.Loss
				}
			}
		}
		if first == 0 || last > first/2 {
			t.Errorf("%s: the loss went from %g to %g, want less than half", packing, first, last)
		}
		o := distill.Options{Run: filepath.Join(dir, "parts-"+packing)}
		_, _, err = run(t, plan(t, dir, o, set), 7)
		if _, ok := errors.AsType[*distill.InterruptedError](err); !ok {
			t.Fatalf("%s: Run() is %v, want an interruption", packing, err)
		}
		got, _, err := run(t, plan(t, dir, o, set), 0)
		if err != nil {
			t.Fatal(err)
		}
		if enginetest.Name() == "go" {
			sameBits(t, weights(t, got), weights(t, want))
		}
	}
	write(t, filepath.Join(dir, "talks.jsonl"), rows.String()+`{"messages":[]}`)
	_, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, "bad")}), 0)
	if want := "talks.jsonl:41: messages is empty"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Run() is %v, want %q in it", err, want)
	}
}

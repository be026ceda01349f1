package distill_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// Each mixer goes the whole way: converted, aligned, distilled, trained on the text,
// written, and read back.
func TestEveryMixer(t *testing.T) {
	dir := workshop(t, `
teacher: %s
student: {mixer: set below}
data: {train: [{path: text.txt}], eval: [{path: text.txt}], seq_len: 12}
defaults: {batch_size: 2, learning_rate: 1e-3}
stages:
  - {name: align, kind: align, train: new+qkv, steps: 1}
  - {name: distill, kind: distill, train: lora, lora: {r: 2, targets: [all-linear]}, steps: 1}
  - {name: finetune, kind: finetune, train: all, steps: 1}
`)
	for _, name := range arch.Mixers() {
		t.Run(name, func(t *testing.T) {
			spec := name
			if name == arch.Softmax {
				spec = "softmax,window=4,sinks=1,sink_logit"
			}
			final, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, name)}, "student.mixer="+spec), 0)
			if err != nil {
				t.Fatal(err)
			}
			r, err := convert.Inspect(final)
			if err != nil || r.Err() != nil || r.Mixers[0].Name != name {
				t.Errorf("Inspect() = %+v, %v", r, err)
			}
			for _, e := range losses(t, filepath.Join(dir, name)) {
				if e.Nats > 8 { // about ln 300, for a random teacher
					t.Errorf("%s, step %d: %s has a loss of %.2f nats, want about 5.7", e.Stage, e.Step, e.Model, e.Nats)
				}
			}
		})
	}
}

// Every layer may have a mixer of its own, through all stages, an interruption and
// what is written; a stage that trains nothing but what mixers add says so where they
// add nothing.
func TestLayerMixers(t *testing.T) {
	dir := workshop(t, chain)
	sets := []string{`student={mixer: mamba2, keep: "layers:0", layer_mixers: {2: "gla,window=4"}}`, "data.eval=[]"}
	whole, halved := filepath.Join(dir, "whole"), filepath.Join(dir, "halved")
	p := plan(t, dir, distill.Options{Run: whole}, sets...)
	var groups []string
	for _, g := range p.Stages[0].Groups {
		if g.Trained {
			groups = append(groups, g.Name+" "+g.From)
		}
	}
	if want := []string{"mamba2 seeded by mmmamba"}; !slices.Equal(groups, want) {
		t.Errorf("stage mimic trains %v, want %v", groups, want)
	}
	final, _, err := run(t, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: halved}, sets...), 7); err == nil {
		t.Fatal("the run was not interrupted")
	}
	again, _, err := run(t, plan(t, dir, distill.Options{Run: halved, Resume: true}, sets...), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range weights(t, final) {
		if !bytes.Equal(weights(t, again)[name], want) {
			t.Errorf("tensor %s is another after an interruption", name)
		}
	}
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "student.mixer=gla,window=4")
	if err != nil {
		t.Fatal(err)
	}
	_, err = distill.NewPlan(r, distill.Options{Run: whole})
	if err == nil || !strings.Contains(err.Error(), "stage mimic: train: new matches no tensor: the student's mixers add none") {
		t.Errorf("NewPlan() of a stage that trains nothing = %v", err)
	}
}

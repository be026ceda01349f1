package distill_test

import (
	"bytes"
	"encoding/json"
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
// what is written; stages that train nothing but what mixers add are refused where they
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
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "student.mixer=gla,window=4", "stages=[{name: mimic, kind: align, train: new, steps: 1}]")
	if err != nil {
		t.Fatal(err)
	}
	_, err = distill.NewPlan(r, distill.Options{Run: whole})
	if err == nil || !strings.Contains(err.Error(), "stage mimic: train: new matches no tensor: the student's mixers add none") {
		t.Errorf("NewPlan() of stages that train nothing = %v", err)
	}
}

// A stage of new tensors is skipped where the mixers add none, whether it comes first or
// last, and the others keep their numbers, also over an interruption.
func TestSkippedStage(t *testing.T) {
	dir := workshop(t, chain)
	sets := []string{"student.mixer=gla", `student.layer_mixers.2=softmax,window=4`, "stages[2]={name: polish, kind: align, train: new, steps: 3}"}
	whole, halved := filepath.Join(dir, "whole"), filepath.Join(dir, "halved")
	p := plan(t, dir, distill.Options{Run: whole}, sets...)
	var b bytes.Buffer
	if err := p.Print(&b); err != nil {
		t.Fatal(err)
	}
	const why = "gla and softmax add no tensors: nothing for train: new"
	for _, stage := range []string{"1-mimic", "3-polish"} {
		if line := "\nstage " + stage + ": align, skipped: " + why + "\n"; !strings.Contains(b.String(), line) {
			t.Errorf("plan has no line %q:\n%s", line, b.String())
		}
	}
	data, err := json.Marshal(p.Stages[0])
	if err != nil || !strings.Contains(string(data), `"steps":0,"tokens":0,"skipped":"`+why+`"`) {
		t.Errorf("stage mimic in JSON is %s, %v", data, err)
	}
	final, out, err := run(t, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out, "is skipped: "+why); n != 2 {
		t.Errorf("the run tells of %d skipped stages, want 2:\n%s", n, out)
	}
	folders, err := filepath.Glob(filepath.Join(whole, "stages", "*"))
	if err != nil || len(folders) != 2 || filepath.Base(folders[1]) != "2-heal" {
		t.Errorf("stages of the run are %v, %v, want 0-convert and 2-heal", folders, err)
	}
	if _, out, err = run(t, plan(t, dir, distill.Options{Run: whole}, sets...), 0); err != nil || !strings.Contains(out, "is finished") {
		t.Errorf("the same command again: %v\n%s", err, out)
	}
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: halved}, sets...), 3); err == nil {
		t.Fatal("the run was not interrupted")
	}
	again, out, err := run(t, plan(t, dir, distill.Options{Run: halved, Resume: true}, sets...), 0)
	if err != nil || !strings.Contains(out, "at stage 2-heal, step 3 of 4") {
		t.Fatalf("going on: %v\n%s", err, out)
	}
	sameBits(t, weights(t, again), weights(t, final))
}

// Adapters of attention are on the projections that the mixer leaves there.
func TestAdaptersOfAttention(t *testing.T) {
	dir := workshop(t, chain)
	p := plan(t, dir, distill.Options{}, "student.mixer=mamba2,groups=1", "stages[1].lora={r: 2}")
	var names []string
	for _, m := range p.Stages[1].Modules {
		names = append(names, strings.TrimPrefix(m.Name, "model.layers."))
	}
	if want := []string{"1.self_attn.v_proj", "1.self_attn.o_proj", "2.self_attn.v_proj", "2.self_attn.o_proj"}; !slices.Equal(names, want) {
		t.Errorf("stage heal adapts %v, want %v", names, want)
	}
}

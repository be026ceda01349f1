package recipes_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/recipes"
)

// Files of a recipe lie relative to it; a teacher that is not there is a name.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"models/tiny", "recipes"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "recipes", "a.yaml")
	if err := os.WriteFile(file, []byte(base), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, "teacher=../models/tiny", "student.keep='@keep.txt'", "data.eval=[{path: /b.txt, separator: x}]")
	if err != nil {
		t.Fatal(err)
	}
	want := recipes.Paths{
		Teacher: filepath.Join(dir, "models", "tiny"),
		Keep:    "@" + filepath.Join(dir, "recipes", "keep.txt"),
		Train:   []recipes.Source{{Path: filepath.Join(dir, "recipes", "a.txt")}},
		Eval:    []recipes.Source{{Path: "/b.txt", Separator: "x"}},
	}
	if diff := cmp.Diff(want, r.Paths()); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if r.OutputDir != "runs/a" {
		t.Errorf("output_dir is %q, want runs/a after the file", r.OutputDir)
	}
	r, err = recipes.Load(file, "teacher=org/name@main")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Paths().Teacher; got != "org/name@main" {
		t.Errorf("teacher is %q, want the name as written", got)
	}
	if _, err := recipes.Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load() of no file is %v, want that it does not exist", err)
	}
}

func TestFingerprint(t *testing.T) {
	fingerprint := func(sets ...string) string {
		t.Helper()
		f, err := parse(t, sets...).Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	plain := fingerprint()
	for _, same := range [][]string{
		{"output_dir=elsewhere", "metrics=[csv]", "keep={last: 1}"},
		{"defaults.learning_rate=1"},
		{"defaults.floor=0"},
		{"stages[0].batch_size=8", "student.keep=none", "stages[0].loss.mse=1e3"},
	} {
		if fingerprint(same...) != plain {
			t.Errorf("%v changes the fingerprint, want the same", same)
		}
	}
	for _, other := range []string{
		"seed=1", "teacher=./other", "student.keep=all", "data.seq_len=9", "data.train[0].separator=x",
		"student.layer_mixers.1=hedgehog", "defaults.floor=0.1", "stages[0].name=uno", "stages[1].loss.ce=1", "stages[1].learning_rates={new: 1}",
	} {
		if fingerprint(other) == plain {
			t.Errorf("%s leaves the fingerprint as it was", other)
		}
	}
	adapted := []string{"stages[1].train=lora", "stages[1].lora={r: 2}"}
	with := func(set string) string { return fingerprint(append(slices.Clone(adapted), set)...) }
	for _, same := range []string{"stages[1].lora.save=merged+adapter", "stages[1].lora.rslora=false", "stages[1].lora.alpha=4"} {
		if with(same) != fingerprint(adapted...) {
			t.Errorf("%s changes the fingerprint, want the same", same)
		}
	}
	for _, other := range []string{"stages[1].lora.rslora=true", "stages[1].lora.dropout=0.1"} {
		if with(other) == fingerprint(adapted...) {
			t.Errorf("%s leaves the fingerprint as it was", other)
		}
	}
}

// What YAML writes parses back to the same recipe.
func roundTrip(t *testing.T, r *recipes.Recipe) {
	t.Helper()
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back, err := recipes.Parse(r.File, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	back.Defaults = r.Defaults // left out: every stage has its own
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("recipe (-written +read):\n%s", diff)
	}
}

func TestYAML(t *testing.T) {
	roundTrip(t, parse(t))
	roundTrip(t, parse(t, "metrics=[csv, tensorboard]", "keep={best: 0}"))
	roundTrip(t, parse(t, "student.layer_mixers.1,3-5=hedgehog,window=16"))
	roundTrip(t, parse(t, "student=dir", "stages[1].loss={kl: 0, ce: 1}", "stages[1].train=lora", "stages[1].lora={r: 3, rslora: true, dropout: 0.1, targets: [c_fc, layers.3.q_proj], save: merged+adapter}", "data.train[0].separator=\"\\n\""))
	roundTrip(t, parse(t, "stages[1].learning_rates={new: 1}", "defaults={schedule: wsd, decay_steps: 3, weight_decay: 0.1}", "seed=18446744073709551615"))
}

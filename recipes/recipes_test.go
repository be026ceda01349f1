package recipes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/recipes"
)

// base is a small valid recipe; tests change it with assignments.
const base = `
teacher: ./tiny
student: {mixer: mamba2}
data: {train: [{path: a.txt}], seq_len: 8}
stages:
- {name: one, kind: align, train: new, steps: 10, learning_rate: 1e-2}
- {name: two, kind: distill, train: all, steps: 20, learning_rate: 1e-3}
`

func parse(t *testing.T, sets ...string) *recipes.Recipe {
	t.Helper()
	r, err := recipes.Parse("dir/base.yaml", []byte(base), sets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each testdata/bad/*.yaml has a *.want beside it: the exact message a user sees.
func TestParseErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad recipes: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = recipes.Parse(filepath.Base(file), data)
			golden(t, strings.TrimSuffix(file, ".yaml")+".want", err)
		})
	}
}

func golden(t *testing.T, file string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*recipes.Error](err); !ok {
		t.Fatalf("Parse() is %v, want a *recipes.Error", err)
	}
	got := err.Error() + "\n"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestSetErrors(t *testing.T) {
	_, err := recipes.Parse("base.yaml", []byte(base),
		"stages[0].stepz=1", "stages[7].steps=1", "data.seq_len=x", "stages[1].betas=[1]",
		"student.mixer=hedgehog,windo=3", "teacher=*a", "data=[", "stages[1].steps=0", "seed=",
		"stages[1].lora.r=1", "stages[0].loss=5", "steps", "stages[x].steps=1", "stages.steps=1",
		"teacher[0]=x", "teacher.x=1", ".x=1", "seed={a: &b c}", "stages[0].learning_rate=1\n 2",
		"defaults.batch_size=9000000000000", "student.keep=@layers.txt")
	golden(t, "testdata/set.want", err)
}

// Layers may have mixers of their own, from the file or from --set, by whatever
// spelling of the numbers.
func TestLayerMixers(t *testing.T) {
	want := map[string]string{"1,3-5": "hedgehog,window=16", "0": "mamba2"}
	for _, sets := range [][]string{
		{`student.layer_mixers={"1,3-5": "hedgehog,window=16", 0: mamba2}`},
		{"student.layer_mixers.1,3-5=hedgehog,window=16", "student.layer_mixers.0=mamba2"},
	} {
		r := parse(t, sets...)
		if diff := cmp.Diff(want, r.Student.LayerMixers); diff != "" {
			t.Errorf("%q (-want +got):\n%s", sets, diff)
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := recipes.Parse(r.File, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, again.Student.LayerMixers); diff != "" {
			t.Errorf("%q, written and read (-want +got):\n%s", sets, diff)
		}
	}
}

// A stage's knobs are its own, else those of defaults, else the built-in ones.
func TestKnobsInForce(t *testing.T) {
	r := parse(t, "defaults.betas=[0.8, 0.9]", "defaults.warmup_steps=4", "stages[1].warmup_steps=0", "stages[1].schedule=linear")
	want := recipes.Knobs{
		BatchSize: 8, GradAccumulation: 1, LearningRate: 1e-2, Betas: recipes.Betas{0.8, 0.9}, Eps: 1e-8,
		ClipNorm: 1, Schedule: "cosine", WarmupSteps: 4, LogEvery: 1,
	}
	if diff := cmp.Diff(want, r.Stages[0].Knobs); diff != "" {
		t.Errorf("knobs of the first stage (-want +got):\n%s", diff)
	}
	want.LearningRate, want.WarmupSteps, want.Schedule = 1e-3, 0, "linear"
	if diff := cmp.Diff(want, r.Stages[1].Knobs); diff != "" {
		t.Errorf("knobs of the second stage (-want +got):\n%s", diff)
	}
}

func TestDefaultsOfAKind(t *testing.T) {
	for _, tt := range []struct {
		name string
		sets []string
		want recipes.Stage // Loss and LoRA only
	}{
		{"align", []string{"stages[1].kind=align", "stages[1].train=new"}, recipes.Stage{Loss: recipes.Loss{MSE: 1000, Target: "pre_o"}}},
		{"distill", nil, recipes.Stage{Loss: recipes.Loss{KL: 1, Temperature: 1}}},
		{"distill on text only", []string{"stages[1].loss={kl: 0, ce: 1}"}, recipes.Stage{Loss: recipes.Loss{CE: 1, Temperature: 1}}},
		{"distill, part given", []string{"stages[1].loss.ce=0.5"}, recipes.Stage{Loss: recipes.Loss{KL: 1, CE: 0.5, Temperature: 1}}},
		{"finetune", []string{"stages[1].kind=finetune"}, recipes.Stage{Loss: recipes.Loss{CE: 1}}},
		{"lora", []string{"stages[1].train=lora", "stages[1].lora.r=4"}, recipes.Stage{
			Loss: recipes.Loss{KL: 1, Temperature: 1},
			LoRA: &recipes.LoRA{R: 4, Alpha: 8, Targets: []string{"attention"}, Save: "merged"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.sets...).Stages[1]
			if diff := cmp.Diff(tt.want, recipes.Stage{Loss: s.Loss, LoRA: s.LoRA}); diff != "" {
				t.Errorf("stage (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRate(t *testing.T) {
	s := parse(t, "stages[1].learning_rates={new: 0.5}").Stages[1]
	if s.Rate("new") != 0.5 || s.Rate("rest") != 1e-3 {
		t.Errorf("rates are %g for new and %g for rest, want 0.5 and 0.001", s.Rate("new"), s.Rate("rest"))
	}
}

func TestStudentFolder(t *testing.T) {
	for _, set := range []string{"student=../student", "student={folder: ../student}"} {
		r := parse(t, set)
		if diff := cmp.Diff(recipes.Student{Folder: "../student"}, r.Student); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
		if got := r.Paths().Student; got != "student" {
			t.Errorf("%s: folder is %q, want %q", set, got, "student")
		}
	}
}

func TestBuiltins(t *testing.T) {
	names := recipes.Builtin()
	if diff := cmp.Diff([]string{"demo", "halo", "hedgecats", "liger", "lizard", "lolcats", "mambainllama", "mmmamba", "radlads", "stories"}, names); diff != "" {
		t.Errorf("built-in recipes (-want +got):\n%s", diff)
	}
	for _, name := range names {
		data, err := recipes.Cat(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := recipes.Parse(name+".yaml", data)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, r)
	}
	_, err := recipes.Cat("storys")
	if e, ok := errors.AsType[*recipes.UnknownError](err); !ok || e.Hint() != `did you mean "stories"?` {
		t.Errorf("Cat(storys) is %v, want an *UnknownError that names stories", err)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "stories.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "stages[0].steps=10")
	}
	f.Add([]byte(base), "data.train[0]={path: b.txt}")
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		r, err := recipes.Parse("fuzz.yaml", data, set)
		if (r == nil) == (err == nil) {
			t.Fatalf("Parse returned recipe %v and error %v", r, err)
		}
		if err != nil {
			if err.Error() == "" {
				t.Fatal("the error is empty")
			}
			return
		}
		roundTrip(t, r)
	})
}

package distill_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// Every published recipe trains, shortened, with its own mixer, losses and schedules.
func TestPublished(t *testing.T) {
	dir := workshop(t, pair)
	own := plan(t, dir, distill.Options{}).Teacher
	for _, name := range recipes.Builtin() {
		if name == "demo" || name == "stories" {
			continue // theirs are run elsewhere
		}
		t.Run(name, func(t *testing.T) {
			text, err := recipes.Cat(name)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, name+".yaml")
			write(t, file, string(text))
			data := fmt.Sprintf("[{path: %s, separator: '|'}]", filepath.Join(dir, "text.txt"))
			sets := []string{"teacher=" + own, "data.train=" + data, "data.eval=" + data, "data.seq_len=12"}
			full, err := recipes.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			mixer := full.Student.Mixer
			for _, w := range []string{"window=64", "window=128"} {
				mixer = strings.Replace(mixer, w, "window=4", 1)
			}
			sets = append(sets, "student.mixer="+mixer)
			if strings.HasPrefix(full.Student.Keep, "every:") {
				sets = append(sets, "student.keep=every:2") // of three layers
			}
			for i, s := range full.Stages {
				at := fmt.Sprintf("stages[%d].", i)
				sets = append(sets, at+"steps=3", at+"batch_size=2", at+"grad_accumulation=1", at+"warmup_steps=1", at+"eval_every=2", at+"save_every=0")
				if s.Schedule == "wsd" {
					sets = append(sets, at+"decay_steps=1")
				}
			}
			r, err := recipes.Load(file, sets...)
			if err != nil {
				t.Fatal(err)
			}
			p, err := distill.NewPlan(r, distill.Options{Run: filepath.Join(dir, name)})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := run(t, p, 0); err != nil {
				t.Fatal(err)
			}
			done := slices.DeleteFunc(losses(t, p.Dir), func(e distill.Event) bool { return e.Event != "step" })
			if want := 3 * len(full.Stages); len(done) != want {
				t.Errorf("got %d steps, want %d", len(done), want)
			}
		})
	}
}

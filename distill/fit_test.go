package distill_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// A student of another make is refused with all that differs.
func TestFit(t *testing.T) {
	dir := workshop(t, pair)
	first := plan(t, dir, distill.Options{Run: filepath.Join(dir, "run")})
	if _, _, err := run(t, first, 1); err == nil {
		t.Fatal("the run was not interrupted")
	}
	made := filepath.Join(dir, "run", "stages", "0-convert")
	for name, tt := range map[string]struct {
		change map[string]any // of the student's config.json
		want   string
	}{
		"as it was":    {nil, ""},
		"norm and act": {map[string]any{"rms_norm_eps": 1e-3, "hidden_act": "relu"}, "teacher and student do not fit: norms is RMSNorm before attention and MLP, eps 1e-05 and RMSNorm before attention and MLP, eps 0.001; MLP is silu and relu"},
		"positions":    {map[string]any{"rope_theta": 500.0, "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 500.0}}, "teacher and student do not fit: position is rope, theta 10000 and rope, theta 500"},
		"no matter":    {map[string]any{"max_position_embeddings": 32}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			student := filepath.Join(t.TempDir(), "student")
			if err := os.CopyFS(student, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(student, "config.json")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var config map[string]any
			if err := json.Unmarshal(text, &config); err != nil {
				t.Fatal(err)
			}
			maps.Copy(config, tt.change)
			if text, err = json.Marshal(config); err != nil {
				t.Fatal(err)
			}
			write(t, path, string(text))
			r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "student="+student)
			if err != nil {
				t.Fatal(err)
			}
			_, err = distill.NewPlan(r, distill.Options{})
			if got := message(err); got != tt.want {
				t.Errorf("NewPlan() = %q, want %q", got, tt.want)
			}
		})
	}
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "student="+made, "teacher="+testdata.Family(t, "gpt2"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = distill.NewPlan(r, distill.Options{})
	for _, want := range []string{"vocab_size is 70 and 300", "hidden_size is 24 and 32"} {
		if !strings.Contains(message(err), want) {
			t.Errorf("NewPlan() with a teacher of another family = %v, want %q", err, want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

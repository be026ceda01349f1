package distill_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// Each family is a teacher: converted, aligned layer by layer and distilled, with the
// family's own norms and MLP kept. Both losses fall.
func TestEveryFamily(t *testing.T) {
	t.Parallel() // most of the time goes to the disk
	for _, name := range testdata.Families(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			teacher := filepath.Join(dir, "teacher")
			if err := os.CopyFS(teacher, os.DirFS(testdata.Family(t, name))); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(teacher, "tokenizer.json"), letters(t))
			report, err := convert.Inspect(teacher)
			if err != nil {
				t.Fatal(err)
			}
			if report.Err() != nil {
				t.Skip("is refused, which convert's tests see to")
			}
			keep := "none"
			for i, x := range report.Mixers {
				if x.Name != "softmax" { // linear layers of the family's own
					keep = fmt.Sprintf("%s,%d", keep, i)
				}
			}
			keep = strings.Replace(keep, "none,", "layers:", 1)
			// One window and no more, so that each step sees the same.
			write(t, filepath.Join(dir, "text.txt"), "the quick brown fox jumps")
			write(t, filepath.Join(dir, "recipe.yaml"), fmt.Sprintf(`
teacher: %s
student: {mixer: "hedgehog,window=3", keep: %q}
data: {train: [{path: text.txt}], seq_len: 24}
defaults: {batch_size: 1, learning_rate: 5e-3, schedule: constant, warmup_steps: 0, clip_norm: 1}
stages:
  - {name: align, kind: align, train: new+qkv, steps: 5}
  - {name: distill, kind: distill, train: all, steps: 5, learning_rate: 1e-3}
`, teacher, keep))
			final, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, "run")}), 0)
			if err != nil {
				t.Fatal(err)
			}
			curves := map[string][]float64{}
			for _, e := range losses(t, filepath.Join(dir, "run")) {
				curves[e.Stage] = append(curves[e.Stage], e.Loss)
			}
			for _, stage := range []string{"1-align", "2-distill"} {
				if c := curves[stage]; len(c) != 5 || !(c[4] < c[0]) {
					t.Errorf("stage %s: the loss does not fall: %.4f", stage, c)
				}
			}
			if r, err := convert.Inspect(final); err != nil || r.Err() != nil {
				t.Errorf("Inspect(final) = %v, %v", r, err)
			}
		})
	}
}

// A folder whose tensors are fused cannot be trained as it is: what is saved would be
// no such folder any more.
func TestForeignStudent(t *testing.T) {
	dir := workshop(t, chain)
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "student="+testdata.Family(t, "phi3"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = distill.NewPlan(r, distill.Options{Run: filepath.Join(dir, "run")})
	if err == nil || !strings.Contains(err.Error(), "is a Phi3ForCausalLM, whose tensor model.layers.0.self_attn.qkv_proj.weight is not one of a student's") {
		t.Errorf("NewPlan() = %v", err)
	}
}

// Windows of text longer than the positions that a teacher learned are refused by the
// plan.
func TestPositionsEnd(t *testing.T) {
	dir := workshop(t, chain)
	r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), "teacher="+testdata.Family(t, "gpt2"), "data.seq_len=33")
	if err != nil {
		t.Fatal(err)
	}
	_, err = distill.NewPlan(r, distill.Options{Run: filepath.Join(dir, "run")})
	if err == nil || !strings.Contains(err.Error(), "data.seq_len: got 33 tokens, want at most 32: transformer.wpe.weight") {
		t.Errorf("NewPlan() = %v", err)
	}
}

// letters is a tokenizer.json of the lower-case letters and the space.
func letters(t *testing.T) string {
	t.Helper()
	vocab := map[string]int{"<unk>": 0}
	for _, c := range "abcdefghijklmnopqrstuvwxyz " {
		vocab[string(c)] = len(vocab)
	}
	data, err := json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": []any{},
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{}, "unk_token": "<unk>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

package distill_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// byLayer has two alignments, the second of what the first has left, and nothing that
// couples the layers.
const byLayer = `
seed: 3
teacher: %s
student: {mixer: "hedgehog,window=4", keep: "layers:1"}
data: {train: [{path: text.txt, separator: "|"}], seq_len: 12}
defaults: {batch_size: 2, betas: [0.9, 0.95], clip_norm: 0, learning_rate: 1e-2}
stages:
  - {name: mimic, kind: align, train: new, steps: 5}
  - {name: align, kind: align, train: new+qkvo, loss: {target: post_o}, steps: 4, grad_accumulation: 2, weight_decay: 0.1}
`

var layerwise = []string{"stages[0].execution=layerwise", "stages[1].execution=layerwise"}

// steps are the step events of a run.
func steps(t *testing.T, dir string) []distill.Event {
	t.Helper()
	var list []distill.Event
	for _, e := range losses(t, dir) {
		if e.Event == "step" {
			list = append(list, e)
		}
	}
	return list
}

// near compares the curves of two runs, relatively.
func near(t *testing.T, got, want []distill.Event, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("got %d steps, want %d", len(got), len(want))
	}
	check := func(e distill.Event, what string, got, want float64) {
		if d := math.Abs(got-want) / math.Abs(want); !(d <= tolerance) && got != want {
			t.Errorf("%s, step %d: %s is %g, want %g: off by %.2g", e.Stage, e.Step, what, got, want, d)
		}
	}
	for i, w := range want {
		g := got[i]
		if g.Stage != w.Stage || g.Step != w.Step || g.LearningRate != w.LearningRate || g.Tokens != w.Tokens || len(g.Parts) != len(w.Parts) {
			t.Fatalf("got %+v, want %+v", g, w)
		}
		check(w, "loss", g.Loss, w.Loss)
		check(w, "grad_norm", g.GradNorm, w.GradNorm)
		for name := range w.Parts {
			check(w, name, g.Parts[name], w.Parts[name])
		}
	}
}

// One layer after the other gives the curves of all together, and the same student.
func TestLayerwiseIsJoint(t *testing.T) {
	dir := workshop(t, byLayer)
	joint, alone := filepath.Join(dir, "joint"), filepath.Join(dir, "alone")
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: joint}), 0); err != nil {
		t.Fatal(err)
	}
	final, out, err := run(t, plan(t, dir, distill.Options{Run: alone}, layerwise...), 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, steps(t, alone), steps(t, joint), 1e-5)
	for _, stage := range []string{"1-mimic/step-0000005", "2-align/step-0000004"} {
		closeWeights(t, filepath.Join(alone, "stages", stage), filepath.Join(joint, "stages", stage))
	}
	closeWeights(t, final, filepath.Join(joint, "final"))
	for _, name := range []string{"cache", "layers"} {
		if _, err := os.Stat(filepath.Join(alone, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	if !strings.Contains(out, "hidden states of 10 windows, f32 each: ") {
		t.Errorf("the cache's size is not told:\n%s", out)
	}
}

func closeWeights(t *testing.T, gotDir, wantDir string) {
	t.Helper()
	got, want := floats(t, gotDir), floats(t, wantDir)
	for name := range want {
		for i := range want[name] {
			if math.Abs(float64(got[name][i]-want[name][i])) > 2e-5 {
				t.Errorf("%s: tensor %s is %g at %d, want %g", gotDir, name, got[name][i], i, want[name][i])
				break
			}
		}
	}
}

func floats(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	return saved(t, dir, checkpoints.Tensor.Float32)
}

// Every part of an alignment's loss has the curves of joint execution.
func TestLayerwiseParts(t *testing.T) {
	dir := workshop(t, byLayer)
	sets := []string{"stages[0].loss={l2: 1, cosine: 2, attention: 0.5, mse: 0}", "stages[1].loss={mse: 10, l2: 1, target: post_o}", "stages[1].window_dropout=0.5"}
	joint, alone := filepath.Join(dir, "joint"), filepath.Join(dir, "alone")
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: joint}, sets...), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, plan(t, dir, distill.Options{Run: alone}, append(sets, layerwise...)...), 0); err != nil {
		t.Fatal(err)
	}
	got := steps(t, alone)
	near(t, got, steps(t, joint), 1e-5)
	for _, name := range []string{"l2_0", "cosine_0", "attention_0", "l2_2", "cosine_2", "attention_2"} {
		if _, ok := got[0].Parts[name]; !ok {
			t.Errorf("part %s is missing of %v", name, got[0].Parts)
		}
	}
}

// The switches of families, each layer with its own, and mixers with a penalty or of
// several kinds.
func TestLayerwiseFamilies(t *testing.T) {
	for i, c := range []struct{ family, student string }{
		{"gemma2", `{mixer: "hedgehog,window=3"}`},                           // norms behind the branches, caps, windows in turn
		{"qwen3", `{mixer: "mamba2"}`},                                       // norms of queries and keys
		{"gpt2", `{mixer: "gla"}`},                                           // learned positions, LayerNorm, fused and transposed
		{"smollm3-lists", `{mixer: "hedgehog,window=3"}`},                    // layers without positions
		{"cohere", `{mixer: "hedgehog,window=3"}`},                           // side by side
		{"granite", `{mixer: "gated-delta"}`},                                // multipliers
		{"qwen3.5-text", `{mixer: "hedgehog,window=3", keep: "layers:0,2"}`}, // a hybrid
		{"qwen3", `{mixer: "mom,memories=3,top_k=2"}`},                       // a penalty
		{"llama3", `{mixer: "mamba2", layer_mixers: {0: gla}}`},              // two shapes
	} {
		t.Run(c.family+" "+c.student, func(t *testing.T) {
			if i > 1 && enginetest.Name() != "go" {
				t.Skip("compiling for all takes minutes, and shows nothing more")
			}
			dir := t.TempDir()
			teacher := filepath.Join(dir, "teacher")
			if err := os.CopyFS(teacher, os.DirFS(testdata.Family(t, c.family))); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(teacher, "tokenizer.json"), letters(t))
			write(t, filepath.Join(dir, "text.txt"), strings.Repeat("the quick brown fox jumps over the lazy dog ", 9))
			write(t, filepath.Join(dir, "recipe.yaml"), fmt.Sprintf(`
teacher: %s
student: %s
data: {train: [{path: text.txt}], seq_len: 24}
defaults: {batch_size: 2, learning_rate: 1e-3, clip_norm: 0}
stages:
  - {name: align, kind: align, train: new+qkv, steps: 4}
`, teacher, c.student))
			joint, alone := filepath.Join(dir, "joint"), filepath.Join(dir, "alone")
			if _, _, err := run(t, plan(t, dir, distill.Options{Run: joint}), 0); err != nil {
				t.Fatal(err)
			}
			if _, _, err := run(t, plan(t, dir, distill.Options{Run: alone}, layerwise[0]), 0); err != nil {
				t.Fatal(err)
			}
			near(t, steps(t, alone), steps(t, joint), 1e-5)
		})
	}
}

// Where mixers add nothing, a layerwise stage of new tensors is skipped as another is,
// and of two kinds of mixers it trains the layers that have some.
func TestLayerwiseNothingNew(t *testing.T) {
	dir := workshop(t, byLayer)
	p := plan(t, dir, distill.Options{Run: filepath.Join(dir, "gla")}, append([]string{"student={mixer: gla}"}, layerwise...)...)
	if s := p.Stages[0]; s.Skipped == "" || s.CacheBytes != 0 {
		t.Errorf("a stage of nothing new is not skipped: %+v", s)
	}
	if _, _, err := run(t, p, 0); err != nil {
		t.Fatal(err)
	}
	p = plan(t, dir, distill.Options{Run: filepath.Join(dir, "both")}, append([]string{"student={mixer: gla, layer_mixers: {2: hedgehog}}"}, layerwise...)...)
	if !slices.Equal(p.Stages[0].Aligned, []int{2}) || !slices.Equal(p.Stages[1].Aligned, []int{0, 1, 2}) {
		t.Errorf("aligned are %v and %v", p.Stages[0].Aligned, p.Stages[1].Aligned)
	}
	if _, _, err := run(t, p, 0); err != nil {
		t.Fatal(err)
	}
}

// Layers alone are the same as among all.
func TestLayers(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, byLayer)
	all, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, "all")}, layerwise...), 0)
	if err != nil {
		t.Fatal(err)
	}
	want, base := weights(t, all), weights(t, filepath.Join(dir, "all", "stages", "0-convert"))
	for _, layers := range []string{"0", "1-2"} {
		o := distill.Options{Run: filepath.Join(dir, layers)}
		p := plan(t, dir, o, append([]string{"stages[0].layers=" + layers, "stages[1].layers=" + layers}, layerwise...)...)
		final, _, err := run(t, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range weights(t, final) {
			which := want
			if mine := strings.Contains(name, "layers.0.") == (layers == "0"); !mine {
				which = base
			}
			if !bytes.Equal(data, which[name]) {
				t.Errorf("layers %s: tensor %s is another", layers, name)
			}
		}
	}
	for layers, want := range map[string]string{"1": "none of 1 is converted", "0-3": "got layer 3, and the student has 0 to 2"} {
		r, err := recipes.Load(filepath.Join(dir, "recipe.yaml"), layerwise...)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Restrict(layers); err != nil {
			t.Fatal(err)
		}
		if _, err := distill.NewPlan(r, distill.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("layers %s: NewPlan() = %v, want %q", layers, err, want)
		}
	}
}

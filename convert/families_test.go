package convert_test

import (
	"errors"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// A student in which every layer stays is its teacher: the same logits, bit for bit,
// whatever the family's files look like. So nothing is lost on the way through the
// student's folder, neither a tensor nor a key of its config. The student that is
// compared was read back and converted once more: what the first one lost, it lacks.
func TestFamiliesKeepLogits(t *testing.T) {
	eachFamily(t, func(t *testing.T, teacher string) {
		t.Helper()
		dir := teacher
		for _, out := range []string{"student", "again"} {
			from := dir
			dir = filepath.Join(t.TempDir(), out)
			plan, err := convert.NewPlan(from, dir, convert.Options{Mixer: "hedgehog", Keep: "all"})
			if err != nil {
				t.Fatal(err)
			}
			if err := plan.Write(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(logits(t, dir), logits(t, teacher)) {
			t.Error("the student has other logits than the teacher")
		}
	})
}

// eachFamily is a subtest for each golden checkpoint of a language model alone.
func eachFamily(t *testing.T, test func(t *testing.T, teacher string)) {
	t.Helper()
	t.Parallel() // most of the time goes to the disk
	for _, name := range testdata.Families(t) {
		if slices.Contains(towers, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, testdata.Family(t, name))
		})
	}
}

// What a block does to attention's queries, keys and output it does to those of another
// mixer, which does not do it once more unless it is told to.
func TestWhatTheBlockDoes(t *testing.T) {
	for _, tt := range []struct{ teacher, mixer, want string }{
		{"qwen3.5-text", "gated-delta", "gated-delta,gate=none"},
		{"qwen3.5-text", "mamba2,gate=silu", "mamba2"},
		{"qwen3.5-text", "mamba2,gate=sigmoid,gate_rank=2", "mamba2,gate=sigmoid,gate_rank=2"},
		{"qwen3.5-text", "softmax,window=4", "softmax,window=4"},
		{"qwen3", "lightning", "lightning,qk_norm=none"},
		{"qwen3", "lightning,qk_norm=rms", "lightning"},
		{"qwen3", "gated-delta", "gated-delta"}, // l2, which the delta rule needs
		{"olmo2", "lightning", "lightning,qk_norm=none"},
		{"llama2", "lightning", "lightning"},
	} {
		dir, o := testdata.Family(t, tt.teacher), convert.Options{Mixer: tt.mixer}
		if tt.teacher == "qwen3.5-text" {
			o.Keep = "layers:0,2"
		}
		p, err := convert.NewPlan(dir, filepath.Join(t.TempDir(), "out"), o)
		if err != nil {
			t.Errorf("%s to %s: %v", tt.teacher, tt.mixer, err)
			continue
		}
		if got := p.Layers[1].Mixer.String(); got != tt.want || p.Options.Mixer != tt.want {
			t.Errorf("%s to %s: the layer gets %s and linearize.json says %s, want %s", tt.teacher, tt.mixer, got, p.Options.Mixer, tt.want)
		}
		if len(p.Dropped) > 0 {
			t.Errorf("%s to %s drops %v", tt.teacher, tt.mixer, p.Dropped)
		}
		gate := slices.ContainsFunc(p.Tensors, func(x convert.Tensor) bool {
			return x.Name == "model.layers.1.self_attn.g_proj.weight" && x.From == convert.Copied
		})
		if gate != (tt.teacher == "qwen3.5-text") {
			t.Errorf("%s to %s: the output gate is kept: %t", tt.teacher, tt.mixer, gate)
		}
	}
	// Part of a gate that is not there.
	_, err := convert.NewPlan(testdata.Family(t, "qwen3.5-text"), filepath.Join(t.TempDir(), "out"), convert.Options{Mixer: "mamba2,gate_rank=2", Keep: "layers:0,2"})
	if err == nil || !strings.Contains(err.Error(), "gate_rank does nothing without gate") {
		t.Errorf("gate_rank without a gate: got error %v", err)
	}
}

// The linear layers of a hybrid are the teacher's own: a student that keeps them has
// nothing to align there, and rounding would be trained on.
func TestLinearLayersOfTheTeacher(t *testing.T) {
	teacher := testdata.Family(t, "qwen3.5-text")
	student := convertTo(t, teacher, convert.Options{Mixer: "gla", Keep: "layers:0,2"})
	for dir, want := range map[string][]bool{teacher: {false, false, false, false}, student: {false, true, false, true}} {
		folder, err := pretrained.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		m := folder.Model
		if err := folder.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range m.Layers {
			if m.Converted(i) != want[i] || m.Convertible(i) != (dir == teacher && i%2 == 1) {
				t.Errorf("%s: layer %d, %s: converted %t, convertible %t", dir, i, m.Mixers[i], m.Converted(i), m.Convertible(i))
			}
		}
		if m.Linear() != (dir == student) {
			t.Errorf("%s: linear is %t", dir, m.Linear())
		}
	}
}

// A window over all tokens is the teacher's attention again, in every layer that hedgehog
// can replace: with the teacher's norms, positions, scale, cap and output gate.
func TestWindowIsTheTeachers(t *testing.T) {
	eachFamily(t, func(t *testing.T, teacher string) {
		t.Helper()
		r, err := convert.Inspect(teacher)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string // what sees less, or is linear
		for i, x := range r.Mixers {
			if !x.Equal(arch.SoftmaxMixer()) {
				kept = append(kept, strconv.Itoa(i))
			}
		}
		if len(kept) == len(r.Mixers) {
			t.Skip("all its layers have windows of their own")
		}
		o := convert.Options{Mixer: "hedgehog,window=12"}
		if len(kept) > 0 {
			o.Keep = "layers:" + strings.Join(kept, ",")
		}
		got, want := logits(t, convertTo(t, teacher, o)), logits(t, teacher)
		for i := range want {
			if off := math.Abs(float64(got[i] - want[i])); !(off <= 2e-5) {
				t.Fatalf("logit %d is off by %.2g", i, off)
			}
		}
	})
}

// towers are the golden checkpoints with more than a language model in them.
var towers = []string{"gemma3", "gemma3-new-names"}

// TestFamiliesWithTowers: a vision tower is one problem, not one for each of its
// tensors, and the hint tells how to take the language model out.
func TestFamiliesWithTowers(t *testing.T) {
	for _, name := range towers {
		parent := t.TempDir()
		_, err := convert.NewPlan(testdata.Family(t, name), filepath.Join(parent, "out"), convert.Options{Mixer: "hedgehog"})
		e, ok := errors.AsType[*convert.ProblemsError](err)
		if !ok || len(e.Problems) != 1 {
			t.Errorf("%s: got %v, want one problem", name, err)
			continue
		}
		if want := regexp.MustCompile(`^tensor (model\.)?multi_modal_projector\.\S+ and \d+ more are part of a tower`); !want.MatchString(e.Problems[0]) {
			t.Errorf("%s: %s, want %s", name, e.Problems[0], want)
		}
		if !strings.Contains(e.Hint(), "Gemma3ForCausalLM(m.config.text_config)") {
			t.Errorf("%s: hint %q does not say how to go on", name, e.Hint())
		}
		if left := contents(t, parent); len(left) > 0 {
			t.Errorf("%s: the refusal left %v", name, left)
		}
	}
}

// A window that the teacher has in some of its layers, too, is no conversion of those.
func TestWindowOfTheTeacher(t *testing.T) {
	for _, tt := range []struct {
		teacher, mixer string
		converted      int // -1: refused
	}{
		{"mistral", "softmax,window=7", -1},
		{"mistral", "softmax,window=6", 2},
		{"gemma2", "softmax,window=5", 1},
		{"mistral", "softmax", -2},
	} {
		plan, err := convert.NewPlan(testdata.Family(t, tt.teacher), filepath.Join(t.TempDir(), "out"), convert.Options{Mixer: tt.mixer})
		switch {
		case tt.converted == -2:
			if err == nil || !strings.Contains(err.Error(), "softmax over all keys is what a conversion replaces") {
				t.Errorf("%s to %s: got error %v", tt.teacher, tt.mixer, err)
			}
		case tt.converted < 0 && (err == nil || !strings.Contains(err.Error(), "it is what the layers have already")):
			t.Errorf("%s to %s: got error %v", tt.teacher, tt.mixer, err)
		case tt.converted >= 0 && err != nil:
			t.Errorf("%s to %s: %v", tt.teacher, tt.mixer, err)
		case tt.converted >= 0 && plan.Converted() != tt.converted:
			t.Errorf("%s to %s: %s, want %d", tt.teacher, tt.mixer, plan.Summary(), tt.converted)
		}
	}
}

// What softmax everywhere would carry is what the attention of a hybrid does, whatever
// heads its linear layers have.
func TestMemoryOfHybrids(t *testing.T) {
	r, err := convert.Inspect(testdata.Family(t, "qwen3.5-text"))
	if err != nil {
		t.Fatal(err)
	}
	perLayer := 2 * 4 * r.Memory.Context * r.Sizes.KVHeads * r.Sizes.HeadDim
	if want := int64(r.Sizes.Layers * perLayer); r.Memory.Softmax != want {
		t.Errorf("softmax everywhere carries %d bytes, want %d", r.Memory.Softmax, want)
	}
}

func logits(t *testing.T, dir string) []float32 {
	t.Helper()
	net, store := nntest.Load(t, dir)
	d, err := infer.NewDecoder(infer.Model{Backend: enginetest.Open(t), Store: store, Net: net})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Finalize()
	var ids []int
	for i := range 12 { // longer than any window of them
		ids = append(ids, i*7%net.Model.Vocab)
	}
	out, err := d.Forward(ids)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

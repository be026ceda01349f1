package lora_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/lora"
)

const llama = `{"architectures":["LlamaForCausalLM"],"vocab_size":8,"hidden_size":8,"num_hidden_layers":3,
"intermediate_size":12,"num_attention_heads":2,"num_key_value_heads":1}`

func model(t *testing.T, specs ...string) *arch.Model {
	t.Helper()
	m, err := arch.Describe([]byte(llama))
	if err != nil {
		t.Fatal(err)
	}
	return nntest.WithMixers(t, m, specs...)
}

func TestMatch(t *testing.T) {
	hybrid := model(t, "softmax", "mamba2", "softmax")
	teacher := model(t, "softmax", "softmax", "softmax")
	for _, tt := range []struct {
		name    string
		model   *arch.Model
		targets []string
		want    string
	}{
		{"attention of linear layers only", hybrid, []string{"v_proj", "q_proj"}, "model.layers.1.self_attn.q_proj model.layers.1.self_attn.v_proj"},
		{"mlp of every layer", hybrid, []string{"down_proj"}, "model.layers.0.mlp.down_proj model.layers.1.mlp.down_proj model.layers.2.mlp.down_proj"},
		{"attention of a teacher", teacher, []string{"o_proj"}, "model.layers.0.self_attn.o_proj model.layers.1.self_attn.o_proj model.layers.2.self_attn.o_proj"},
		{"attention is what the mixer has of it", model(t, "softmax", "mamba2,groups=1", "softmax"), []string{lora.Attention}, "model.layers.1.self_attn.v_proj model.layers.1.self_attn.o_proj"},
		{"attention beside another", model(t, "softmax", "gla", "softmax"), []string{lora.Attention, "q_proj"}, "model.layers.1.self_attn.q_proj model.layers.1.self_attn.k_proj model.layers.1.self_attn.v_proj model.layers.1.self_attn.o_proj"},
	} {
		modules, err := lora.Config{R: 2, Alpha: 4, Targets: tt.targets}.Match(tt.model)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range modules {
			names = append(names, m.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	all, err := lora.Config{R: 2, Alpha: 4, Targets: []string{lora.AllLinear}}.Match(hybrid)
	if err != nil || len(all) != 4+3*3 {
		t.Errorf("all-linear: %d modules, %v; want 13", len(all), err)
	}
	_, err = lora.Config{R: 2, Alpha: 4, Targets: []string{"qproj"}}.Match(hybrid)
	target, ok := errors.AsType[*lora.TargetError](err)
	if !ok || !strings.Contains(target.Hint(), "gate_proj, up_proj, down_proj, q_proj, k_proj, v_proj, o_proj, attention, or all-linear") {
		t.Errorf("unknown target: %v", err)
	}
}

// A target that is named has to be there.
func TestMatchIsStrict(t *testing.T) {
	m := model(t, "mamba2,groups=1", "mamba2,groups=1", "mamba2,groups=1")
	_, err := lora.Config{R: 2, Alpha: 4, Targets: []string{lora.Attention, "k_proj"}}.Match(m)
	if target, ok := errors.AsType[*lora.TargetError](err); !ok || target.Target != "k_proj" {
		t.Errorf("Match() = %v, want a *TargetError for k_proj", err)
	}
}

// A new correction changes nothing; a trained one gives, merged, what it gave beside the weight.
func TestMerge(t *testing.T) {
	const in, out, r, scale = 5, 3, 2, 1.5
	x := lora.Module{Name: "m", In: in, Out: out}
	rng := rand.New(rand.NewPCG(1, 2))
	a, b := x.Init(r, rng)
	w := make([]float32, out*in)
	for i := range w {
		w[i] = rng.Float32() - 0.5
	}
	before := slices.Clone(w)
	if d := x.Merge(w, a, b, scale); d != 0 || !slices.Equal(w, before) {
		t.Errorf("a new correction moved the weight by %g", d)
	}
	for i := range b {
		b[i] = rng.Float32() - 0.5
	}
	largest := x.Merge(w, a, b, scale)
	v := []float64{0.3, -1, 0.7, 2, -0.1}
	var moved float64
	for o := range out {
		var merged, beside float64
		for i := range in {
			merged += float64(w[o*in+i]) * v[i]
			beside += float64(before[o*in+i]) * v[i]
			moved = max(moved, math.Abs(float64(w[o*in+i]-before[o*in+i])))
		}
		for k := range r {
			var low float64
			for i := range in {
				low += float64(a[k*in+i]) * v[i]
			}
			beside += scale * float64(b[o*r+k]) * low
		}
		if math.Abs(merged-beside) > 1e-6 {
			t.Errorf("output %d: merged %g, beside the weight %g", o, merged, beside)
		}
	}
	if math.Abs(moved-largest) > 1e-6 {
		t.Errorf("Merge() = %g, the largest change is %g", largest, moved)
	}
}

package convert_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// TestNotFinite: a NaN in any weight is refused, by the name that the file has for it,
// whatever becomes of it; no output is left.
func TestNotFinite(t *testing.T) {
	for _, tt := range []struct {
		name, tensor, want string
		options            convert.Options
	}{
		{"copied", "model.norm.weight", "element 3 of shape [32] is NaN", convert.Options{Mixer: "mamba2"}},
		{"cast", "model.norm.weight", "element 3 of shape [32] is NaN", convert.Options{Mixer: "mamba2", DType: "f16"}},
		{"inherited", "model.layers.1.self_attn.v_proj.weight", "element 3 of shape [16 32] is NaN", convert.Options{Mixer: "mamba2"}},
		{"dropped", "model.layers.1.self_attn.q_proj.weight", "element 3 of shape [32 32] is NaN", convert.Options{Mixer: "mamba2,groups=1"}},
		{"of a layer that stays", "model.layers.0.self_attn.q_proj.weight", "element 3 of shape [32 32] is NaN", convert.Options{Mixer: "mamba2,groups=1", Keep: "first:1"}},
	} {
		model := rewrite(t, testmodel.Llama(t, testmodel.Options{}), func(out *checkpoints.Output) { spoil(t, out, tt.tensor) })
		parent := t.TempDir()
		p, err := convert.NewPlan(model, filepath.Join(parent, "out"), tt.options)
		if err != nil {
			t.Fatal(err) // headers are all right
		}
		want := "tensor " + tt.tensor + ": " + tt.want + ", want finite numbers"
		if err := p.Write(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %s", tt.name, err, want)
		}
		if left := contents(t, parent); len(left) > 0 {
			t.Errorf("%s: the failed conversion left %v", tt.name, left)
		}
		r, err := convert.InspectValues(t.Context(), model, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, r.Problems); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", tt.name, diff)
		}
	}
}

// spoil makes element 3 of an F32 tensor NaN.
func spoil(t *testing.T, out *checkpoints.Output, name string) {
	t.Helper()
	for i, s := range out.Tensors {
		if s.Name != name {
			continue
		}
		values := make([]float32, s.Bytes()/4)
		values[3] = float32(math.NaN())
		out.Tensors[i] = checkpoints.FromFloat32(name, s.Shape, values, checkpoints.F32)
		return
	}
	t.Fatal("no tensor " + name)
}

// TestFusedNotFinite: in a fused tensor it is named as the file names it, and once.
func TestFusedNotFinite(t *testing.T) {
	const name = "transformer.h.1.attn.c_attn.weight"
	model := rewrite(t, testdata.Family(t, "gpt2"), func(out *checkpoints.Output) {
		values := make([]float32, 24*72)
		values[100] = float32(math.Inf(1))
		remove(out, name)
		out.Tensors = append(out.Tensors, checkpoints.FromFloat32(name, []int{24, 72}, values, checkpoints.BF16))
	})
	r, err := convert.InspectValues(t.Context(), model, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "tensor " + name + ": element 100 of shape [24 72] is +Inf, want finite numbers"
	if diff := cmp.Diff([]string{want}, r.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	p, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "out"), convert.Options{Mixer: "hedgehog"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %s", err, want)
	}
}

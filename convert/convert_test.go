package convert_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// convertTo plans and writes, and returns the output folder's path.
func convertTo(t *testing.T, model string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "student")
	p, err := convert.NewPlan(model, out, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return out
}

func open(t *testing.T, dir string) *checkpoints.Folder {
	t.Helper()
	folder, err := checkpoints.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func read(t *testing.T, folder *checkpoints.Folder, name string) checkpoints.Tensor {
	t.Helper()
	x, err := folder.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// contents returns every file of a folder by name.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// cases are conversions that between them use every mixer, seeding and source of a
// tensor. Their golden files are testdata/<name>.golden.json.
var cases = []struct {
	name    string
	model   testmodel.Options
	options convert.Options
}{
	{
		"mamba2",
		testmodel.Options{Layers: 3, DType: checkpoints.BF16, Shards: 2, Tied: true},
		convert.Options{Mixer: "mamba2", Keep: "every:2", Seed: 1},
	},
	{
		"hedgehog",
		testmodel.Options{Layers: 2, QKVBias: true},
		convert.Options{Mixer: "hedgehog,window=4,feature_dim=6"},
	},
	{
		"scratch-f16",
		testmodel.Options{Layers: 2, QKVBias: true},
		convert.Options{Mixer: "mamba2,conv=3", Keep: "last:1", Seeding: "scratch", DType: "f16"},
	},
}

func TestGolden(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			folder := open(t, convertTo(t, testmodel.Llama(t, tt.model), tt.options))
			got := map[string]string{} // dtype, shape and sha256
			for _, name := range folder.Names() {
				x := read(t, folder, name)
				got[name] = fmt.Sprintf("%s %v %s", x.DType, x.Shape, sum(x.Data))
			}
			path := filepath.Join("testdata", tt.name+".golden.json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				data, err := json.MarshalIndent(got, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]string
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tensors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInherited checks that whatever the plan calls copied has the teacher's bytes,
// that nothing of the teacher is lost, and that the files travel.
func TestInherited(t *testing.T) {
	for _, tt := range cases[:2] {
		model := testmodel.Llama(t, tt.model)
		out := convertTo(t, model, tt.options)
		teacher, student := open(t, model), open(t, out)
		for _, name := range teacher.Names() {
			want, got := read(t, teacher, name), read(t, student, name)
			if got.DType != want.DType || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s: tensor %s is not the teacher's", tt.name, name)
			}
		}
		for _, name := range teacher.Files() {
			if diff := cmp.Diff(contents(t, model)[name], contents(t, out)[name]); diff != "" {
				t.Errorf("%s: file %s is not the teacher's", tt.name, name)
			}
		}
		if r, err := convert.Inspect(out); err != nil || len(r.Problems) > 0 || !r.Student {
			t.Errorf("%s: inspect the output: got report %+v and error %v", tt.name, r, err)
		}
	}
}

// TestReal converts a model that was really trained, from one file and from shards.
func TestReal(t *testing.T) {
	o := convert.Options{Mixer: "hedgehog,window=16", Keep: "layers:0,4"}
	single := convertTo(t, testdata.Shared(t, "stories260K-hf"), o)
	sharded := convertTo(t, testdata.Shared(t, "stories260K-hf-sharded"), o)
	for _, name := range []string{"model.safetensors", "config.json", "tokenizer.json"} {
		if !bytes.Equal(contents(t, single)[name], contents(t, sharded)[name]) {
			t.Errorf("%s differs between the model in one file and in shards", name)
		}
	}
	if _, ok := open(t, single).Info("lm_head.weight"); ok {
		t.Error("a tied head is written")
	}
}

// TestDTypes checks the rule of the package comment.
func TestDTypes(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{DType: checkpoints.BF16})
	student := open(t, convertTo(t, model, convert.Options{Mixer: "mamba2"}))
	for _, name := range student.Names() {
		info, _ := student.Info(name)
		want := checkpoints.BF16
		if strings.HasSuffix(name, "A_log") || strings.HasSuffix(name, "dt_bias") {
			want = checkpoints.F32
		}
		if info.DType != want {
			t.Errorf("tensor %s has dtype %s, want %s", name, info.DType, want)
		}
	}
	wide := open(t, convertTo(t, model, convert.Options{Mixer: "mamba2", DType: "f32"}))
	narrow, err := read(t, student, "model.norm.weight").Float32()
	if err != nil {
		t.Fatal(err)
	}
	widened, err := read(t, wide, "model.norm.weight").Float32()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(narrow, widened); diff != "" {
		t.Errorf("model.norm.weight cast to F32 (-want +got):\n%s", diff)
	}
	var torch, v5 string
	for key, into := range map[string]*string{"torch_dtype": &torch, "dtype": &v5} {
		if _, err := wide.Config().Get(key, into); err != nil || *into != "float32" {
			t.Errorf("config.json: %s is %q (%v), want float32", key, *into, err)
		}
	}
}

// TestSameBytes converts twice, once by a plan that went through JSON.
func TestSameBytes(t *testing.T) {
	model := testmodel.Llama(t, cases[0].model)
	o := cases[0].options
	o.MaxShardSize = 20_000
	first := convertTo(t, model, o)

	p, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "again"), o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again convert.Plan
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	var calls []int64
	err = again.Write(t.Context(), func(done, total int64) {
		calls = append(calls, done)
		if total != p.BytesOut {
			t.Errorf("progress of %d bytes, want %d", total, p.BytesOut)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, first), contents(t, again.Output)); diff != "" {
		t.Errorf("the same conversion twice (-first +second):\n%s", diff)
	}
	if calls[0] != 0 || calls[len(calls)-1] != p.BytesOut {
		t.Errorf("progress went from %d to %d, want 0 to %d", calls[0], calls[len(calls)-1], p.BytesOut)
	}
}

func TestPlanSums(t *testing.T) {
	for _, tt := range cases {
		model := testmodel.Llama(t, tt.model)
		p, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "student"), tt.options)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		r, err := convert.Inspect(p.Output)
		if err != nil {
			t.Fatal(err)
		}
		if p.Parameters != r.Parameters || p.BytesOut != r.Bytes || len(p.Tensors) != r.Tensors || p.Memory != r.Memory {
			t.Errorf("%s: planned %d parameters, %d bytes, %d tensors, %+v; written %d, %d, %d, %+v", tt.name,
				p.Parameters, p.BytesOut, len(p.Tensors), p.Memory, r.Parameters, r.Bytes, r.Tensors, r.Memory)
		}
		if largest := r.Bytes / int64(r.Tensors); p.PeakMemory < largest || p.PeakMemory > 65<<20 {
			t.Errorf("%s: the peak memory is estimated at %d", tt.name, p.PeakMemory)
		}
	}
}

// TestContinue converts a student's remaining softmax layers.
func TestContinue(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{Layers: 4})
	half := convertTo(t, model, convert.Options{Mixer: "mamba2", Keep: "layers:0,3"})
	_, err := convert.NewPlan(half, filepath.Join(t.TempDir(), "x"), convert.Options{Mixer: "hedgehog", Keep: "layers:0"})
	want := `keep "layers:0": only softmax layers can be converted; not softmax, and not kept: layer 1 (mamba2), 2 (mamba2)`
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	for keep, hint := range map[string]string{
		"layers:0":   "to convert layer 3, keep layers:0,1,2",
		"none":       "to convert layer 0,3, keep layers:1,2",
		"layers:0,3": "it keeps every softmax layer: there is nothing to convert",
	} {
		_, err := convert.NewPlan(half, filepath.Join(t.TempDir(), "x"), convert.Options{Mixer: "hedgehog", Keep: keep})
		if e, ok := errors.AsType[*convert.KeepError](err); !ok || e.Hint() != hint {
			t.Errorf("keep %s: got %v, want the hint %q", keep, err, hint)
		}
	}
	full := convertTo(t, half, convert.Options{Mixer: "hedgehog", Keep: "layers:0,1,2"})
	student, err := arch.Describe(contents(t, full)["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"softmax", "mamba2", "mamba2", "hedgehog"}, specs(student)); diff != "" {
		t.Errorf("mixers (-want +got):\n%s", diff)
	}
	for _, name := range open(t, half).Names() {
		if !bytes.Equal(read(t, open(t, half), name).Data, read(t, open(t, full), name).Data) {
			t.Errorf("tensor %s changed", name)
		}
	}
}

func TestCancelled(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{})
	parent := t.TempDir()
	p, err := convert.NewPlan(model, filepath.Join(parent, "student"), convert.Options{Mixer: "mamba2"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = p.Write(ctx, func(done, total int64) {
		if done > total/2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
	if left := contents(t, parent); len(left) > 0 {
		t.Errorf("a cancelled conversion left %v", left)
	}
}

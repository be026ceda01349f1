package convert_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// trained copies a student and adds a bit to the tensors whose names contain any of the words.
func trained(t *testing.T, base string, words ...string) string {
	t.Helper()
	folder, err := checkpoints.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	out := checkpoints.Output{Config: folder.Config()}
	for _, name := range folder.Names() {
		x, err := folder.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		s := x.Source()
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) }) {
			data := bytes.Clone(x.Data)
			data[0] ^= 1
			s = checkpoints.Source{Name: name, DType: x.DType, Shape: x.Shape, Data: func() ([]byte, error) { return data, nil }}
		}
		out.Tensors = append(out.Tensors, s)
	}
	for _, name := range folder.Files() {
		out.Copy = append(out.Copy, filepath.Join(base, name))
	}
	dir := filepath.Join(t.TempDir(), "part")
	if err := checkpoints.Write(dir, out); err != nil {
		t.Fatal(err)
	}
	return dir
}

func student(t *testing.T, seed uint64, mixer string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "student")
	plan, err := convert.NewPlan(testmodel.Llama(t, testmodel.Options{Layers: 4, Seed: seed}), dir, convert.Options{Mixer: mixer})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestStitch(t *testing.T) {
	base := student(t, 1, "hedgehog")
	low, high := trained(t, base, "layers.0.self_attn.mixer", "layers.1.self_attn.q_proj"), trained(t, base, "layers.3.self_attn.mixer")
	out := filepath.Join(t.TempDir(), "whole")
	s, err := convert.NewStitch(base, []string{low, high}, out, convert.StitchOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Parts; len(got) != 2 || !slices.Equal(got[0].Layers, []int{0, 1}) || !slices.Equal(got[1].Layers, []int{3}) {
		t.Errorf("parts are %+v", got)
	}
	if err := s.Write(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	read := func(dir, name string) []byte {
		f, err := checkpoints.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(x.Data)
	}
	folder, err := checkpoints.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, name := range folder.Names() {
		from := base
		switch {
		case strings.Contains(name, "layers.0.") || strings.Contains(name, "layers.1."):
			from = low
		case strings.Contains(name, "layers.3."):
			from = high
		}
		if !bytes.Equal(read(out, name), read(from, name)) {
			t.Errorf("tensor %s is not that of %s", name, from)
		}
	}
	for name, want := range map[string]string{"README.md": "- 0-1 from part\n- 3 from part", "linearize.json": `"created_by": "linearize merge"`} {
		if data, err := os.ReadFile(filepath.Join(out, name)); err != nil || !bytes.Contains(data, []byte(want)) {
			t.Errorf("%s: %v, lacks %q", name, err, want)
		}
	}
}

func TestStitchRefuses(t *testing.T) {
	base := student(t, 1, "hedgehog")
	low := trained(t, base, "layers.0.")
	for want, parts := range map[string][]string{
		"layer 0 was trained in ":                             {low, trained(t, base, "layers.0.self_attn.o_proj", "layers.2.")},
		"config.json is another":                              {low, student(t, 1, "hedgehog,window=8")},
		"tensor model.norm.weight differs and is in no layer": {trained(t, base, "model.norm")},
		"nothing was trained":                                 {trained(t, base)},
		"output is the input":                                 {low, ""},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if parts[len(parts)-1] == "" {
			parts, out = parts[:1], low
		}
		_, err := convert.NewStitch(base, parts, out, convert.StitchOptions{Overwrite: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewStitch() = %v, want %q", err, want)
		}
		if hinted, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); !ok || hinted.Hint() == "" {
			t.Errorf("%v has no hint", err)
		}
	}
}

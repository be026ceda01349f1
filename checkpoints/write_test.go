package checkpoints_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// copyOf makes an output that repeats a folder.
func copyOf(t *testing.T, f *checkpoints.Folder) checkpoints.Output {
	t.Helper()
	out := checkpoints.Output{Config: f.Config().Clone()}
	for _, name := range f.Names() {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		out.Tensors = append(out.Tensors, tensor.Source())
	}
	for _, name := range f.Files() {
		out.Copy = append(out.Copy, filepath.Join(f.Dir(), name))
	}
	return out
}

func ls(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int64
		files int
	}{{"stories260K-hf", 0, 1}, {"stories260K-hf-bf16", 0, 1}, {"stories260K-hf-sharded", 0, 1}, {"stories260K-hf", 400_000, 3}} {
		t.Run(fmt.Sprint(tt.name, "/", tt.size), func(t *testing.T) {
			from := open(t, testdata.Shared(t, tt.name))
			dir := filepath.Join(t.TempDir(), "out")
			out := copyOf(t, from)
			out.MaxShardSize = tt.size
			if err := out.Config.Set("our_own", map[string]any{"mixers": []string{"softmax"}}); err != nil {
				t.Fatal(err)
			}
			if err := checkpoints.Write(dir, out); err != nil {
				t.Fatal(err)
			}
			to := open(t, dir)
			infos, data := content(t, from)
			gotInfos, gotData := content(t, to)
			if diff := cmp.Diff(infos, gotInfos); diff != "" {
				t.Errorf("tensors (-want +got):\n%s", diff)
			}
			if !maps.EqualFunc(data, gotData, bytes.Equal) {
				t.Error("bytes differ")
			}
			for _, name := range from.Files() {
				if !bytes.Equal(read(t, from.Dir(), name), read(t, dir, name)) {
					t.Errorf("%s differs", name)
				}
			}
			if want := append(from.Config().Keys(), "our_own"); !slices.Equal(to.Config().Keys(), want) {
				t.Errorf("config keys %v, want %v", to.Config().Keys(), want)
			}
			config := to.Config().Clone()
			config.Delete("our_own")
			if !bytes.Equal(config.Bytes(), from.Config().Bytes()) {
				t.Errorf("config changed:\n%s", config.Bytes())
			}
			if digests, err := to.Digests(); err != nil || len(digests) != tt.files {
				t.Errorf("Digests() = %v, %v, want %d files", digests, err, tt.files)
			}
			// What was written once is written the same again.
			again := filepath.Join(t.TempDir(), "again")
			second := copyOf(t, to)
			second.MaxShardSize = tt.size
			if err := checkpoints.Write(again, second); err != nil {
				t.Fatal(err)
			}
			for _, name := range ls(t, dir) {
				if !bytes.Equal(read(t, dir, name), read(t, again, name)) {
					t.Errorf("%s differs at the second writing", name)
				}
			}
		})
	}
}

// tensor is what a header says of one.
type tensor struct {
	DType   string
	Shape   []int
	Offsets [2]int `json:"data_offsets"`
}

// header reads that of a file, with its metadata, from the bytes alone.
func header(t *testing.T, dir, file string) (tensors map[string]tensor, meta string) {
	t.Helper()
	data := read(t, dir, file)
	n := binary.LittleEndian.Uint64(data)
	if n%8 != 0 {
		t.Errorf("%s: header of %d bytes, want a multiple of 8", file, n)
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(data[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	meta = string(raw["__metadata__"])
	delete(raw, "__metadata__")
	tensors = map[string]tensor{}
	for name, value := range raw {
		var x tensor
		if err := json.Unmarshal(value, &x); err != nil {
			t.Fatal(err)
		}
		tensors[name] = x
	}
	return tensors, meta
}

// TestLayoutOfShards checks what other tools rely on, from the bytes alone.
func TestLayoutOfShards(t *testing.T) {
	source := func(name string, dtype checkpoints.DType, shape ...int) checkpoints.Source {
		return checkpoints.Source{Name: name, DType: dtype, Shape: shape, Data: func() ([]byte, error) {
			n := dtype.Size()
			for _, d := range shape {
				n *= d
			}
			return bytes.Repeat([]byte{7}, n), nil
		}}
	}
	dir := filepath.Join(t.TempDir(), "out")
	err := checkpoints.Write(dir, checkpoints.Output{
		Config: parse(t, `{"x":1}`),
		Tensors: []checkpoints.Source{
			source("layers.10.w", checkpoints.F32, 4), source("layers.2.w", checkpoints.BF16, 3), source("layers.2.v", checkpoints.I64), source("layers.2.x", checkpoints.U8, 3),
			source("layers.2.empty", checkpoints.F32, 0), source("big", checkpoints.F32, 100), source("zz.<&>é", checkpoints.BOOL, 1),
		},
		MaxShardSize: 40,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]tensor{
		"model-00001-of-00002.safetensors": {"big": {"F32", []int{100}, [2]int{0, 400}}},
		"model-00002-of-00002.safetensors": {
			"layers.2.v":     {"I64", []int{}, [2]int{0, 8}},
			"layers.10.w":    {"F32", []int{4}, [2]int{8, 24}},
			"layers.2.empty": {"F32", []int{0}, [2]int{24, 24}},
			"layers.2.w":     {"BF16", []int{3}, [2]int{24, 30}},
			"layers.2.x":     {"U8", []int{3}, [2]int{30, 33}},
			"zz.<&>é":        {"BOOL", []int{1}, [2]int{33, 34}},
		},
	}
	files := ls(t, dir)
	if diff := cmp.Diff([]string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"}, files); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}
	for file, tensors := range want {
		got, meta := header(t, dir, file)
		if diff := cmp.Diff(tensors, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
		if meta != `{"format":"pt"}` {
			t.Errorf("%s: __metadata__ = %s, want the format pt", file, meta)
		}
	}
	var index struct {
		Metadata  map[string]int    `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(read(t, dir, "model.safetensors.index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"total_size": 434}, index.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if len(index.WeightMap) != 7 || index.WeightMap["big"] != "model-00001-of-00002.safetensors" {
		t.Errorf("weight_map = %v", index.WeightMap)
	}
}

func TestPlanShards(t *testing.T) {
	source := func(name string, bytes int) checkpoints.Source {
		return checkpoints.Source{Name: name, DType: checkpoints.U8, Shape: []int{bytes}}
	}
	tensors := []checkpoints.Source{source("l.10", 30), source("l.1", 60), source("l.2", 40), source("a", 500), source("l.3", 1)}
	for _, tt := range []struct {
		size int64
		want string
	}{
		{0, "model.safetensors: a l.1 l.2 l.3 l.10"},
		{100, "model-00001-of-00003.safetensors: a | model-00002-of-00003.safetensors: l.1 l.2 | model-00003-of-00003.safetensors: l.3 l.10"},
		{631, "model.safetensors: a l.1 l.2 l.3 l.10"},
		{630, "model-00001-of-00002.safetensors: a l.1 l.2 l.3 | model-00002-of-00002.safetensors: l.10"},
	} {
		var got []string
		for _, shard := range checkpoints.PlanShards(tensors, tt.size) {
			words := []string{shard.File + ":"}
			for _, s := range shard.Tensors {
				words = append(words, s.Name)
			}
			got = append(got, strings.Join(words, " "))
		}
		if joined := strings.Join(got, " | "); joined != tt.want {
			t.Errorf("PlanShards(%d) = %s\nwant %s", tt.size, joined, tt.want)
		}
	}
}

// TestOnce checks that data is asked for once, and that what is heard before each tensor
// comes in the order of the file.
func TestOnce(t *testing.T) {
	calls := map[string]int{}
	var heard []string
	out := checkpoints.Output{Config: parse(t, `{}`), MaxShardSize: 100}
	for i := range 9 {
		name := fmt.Sprintf("t%d", i)
		out.Tensors = append(out.Tensors, checkpoints.Source{Name: name, DType: checkpoints.U8, Shape: []int{40}, Data: func() ([]byte, error) {
			calls[name]++
			return make([]byte, 40), nil
		}})
	}
	if err := checkpoints.CheckOutput(filepath.Join(t.TempDir(), "x"), false); err != nil || len(calls) != 0 {
		t.Errorf("CheckOutput() = %v after %d calls", err, len(calls))
	}
	out.Before = func(s checkpoints.Source) error {
		heard = append(heard, s.Name)
		return nil
	}
	if err := checkpoints.Write(filepath.Join(t.TempDir(), "out"), out); err != nil {
		t.Fatal(err)
	}
	if want := "t0 t1 t2 t3 t4 t5 t6 t7 t8"; strings.Join(heard, " ") != want {
		t.Errorf("heard of %v, want %s", heard, want)
	}
	for name, n := range calls {
		if n != 1 {
			t.Errorf("%s: data asked for %d times, want once", name, n)
		}
	}
	if len(calls) != 9 {
		t.Errorf("%d tensors asked for, want 9", len(calls))
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	failed := errors.New("teacher is gone")
	for name, data := range map[string]func() ([]byte, error){
		"error":     func() ([]byte, error) { return nil, failed },
		"too short": func() ([]byte, error) { return make([]byte, 7), nil },
		"too long":  func() ([]byte, error) { return make([]byte, 9), nil },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			fine := checkpoints.FromFloat32("a", []int{2}, []float32{1, 2}, checkpoints.F32)
			bad := checkpoints.Source{Name: "b", DType: checkpoints.F32, Shape: []int{2}, Data: data}
			err := checkpoints.Write(filepath.Join(root, "out"), checkpoints.Output{Config: parse(t, `{}`), Tensors: []checkpoints.Source{fine, bad}, MaxShardSize: 8})
			if err == nil || !strings.Contains(err.Error(), "model-00002-of-00002.safetensors: tensor b: ") || name == "error" && !errors.Is(err, failed) {
				t.Errorf("Write() = %v, want an error that names shard and tensor", err)
			}
			if err := checkpoints.WriteFile(filepath.Join(root, "x.safetensors"), []checkpoints.Source{fine, bad}, nil); err == nil {
				t.Error("WriteFile() succeeded")
			}
			if got := ls(t, root); len(got) != 0 {
				t.Errorf("left behind: %v", got)
			}
		})
	}
	root, stopped := t.TempDir(), errors.New("stopped")
	out := checkpoints.Output{Config: parse(t, `{}`), NoSync: true, Before: func(checkpoints.Source) error { return stopped }}
	out.Tensors = []checkpoints.Source{checkpoints.FromFloat32("a", []int{2}, []float32{1, 2}, checkpoints.F32)}
	if err := checkpoints.Write(filepath.Join(root, "out"), out); !errors.Is(err, stopped) {
		t.Errorf("Write() = %v, want the error of Before", err)
	}
	if got := ls(t, root); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestOverwrite(t *testing.T) {
	dir := testmodel.Llama(t, testmodel.Options{Seed: 1})
	put(t, dir, "stale.txt", "x")
	old := ls(t, dir)
	from := open(t, testmodel.Llama(t, testmodel.Options{Seed: 2}))
	out := copyOf(t, from)
	if err := checkpoints.Write(dir, out); err == nil || !strings.Contains(err.Error(), "folder is not empty: it holds config.json, ") || !strings.Contains(hintOf(err), "--overwrite") {
		t.Errorf("Write() = %v, want a refusal with a hint", err)
	}
	out.Overwrite = true
	out.Before = func(checkpoints.Source) error {
		if got := ls(t, dir); !slices.Equal(got, old) {
			t.Errorf("while writing: %v, want the old %v", got, old)
		}
		return nil
	}
	if err := checkpoints.Write(dir, out); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(ls(t, dir), "stale.txt") {
		t.Error("a file of the old folder is left")
	}
	_, want := content(t, from)
	if _, got := content(t, open(t, dir)); !maps.EqualFunc(got, want, bytes.Equal) {
		t.Error("the new folder holds other weights")
	}
	if got := ls(t, filepath.Dir(dir)); !slices.Equal(got, []string{"llama"}) {
		t.Errorf("siblings: %v, want [llama]", got)
	}
}

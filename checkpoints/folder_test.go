package checkpoints_test

import (
	"bytes"
	"errors"
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

func open(tb testing.TB, dir string) *checkpoints.Folder {
	tb.Helper()
	f, err := checkpoints.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

// content returns every tensor's description (without its file) and bytes.
func content(t *testing.T, f *checkpoints.Folder) (map[string]checkpoints.Info, map[string][]byte) {
	t.Helper()
	infos, data := map[string]checkpoints.Info{}, map[string][]byte{}
	for _, name := range f.Names() {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		info, ok := f.Info(name)
		if !ok || !cmp.Equal(info, tensor.Info) {
			t.Fatalf("Info(%s) = %v, %v, but the tensor says %v", name, info, ok, tensor.Info)
		}
		info.File = ""
		infos[name], data[name] = info, bytes.Clone(tensor.Data)
	}
	return infos, data
}

func TestShardedEqualsSingle(t *testing.T) {
	single := open(t, testdata.Shared(t, "stories260K-hf"))
	sharded := open(t, testdata.Shared(t, "stories260K-hf-sharded"))
	infos, data := content(t, single)
	shardedInfos, shardedData := content(t, sharded)
	if diff := cmp.Diff(infos, shardedInfos); diff != "" {
		t.Errorf("tensors (-single +sharded):\n%s", diff)
	}
	if !maps.EqualFunc(data, shardedData, bytes.Equal) {
		t.Error("bytes differ")
	}
	if got, want := len(single.Names()), 47; got != want {
		t.Errorf("%d tensors, want %d", got, want)
	}
	info, _ := sharded.Info("model.norm.weight")
	if want := "model-00003-of-00003.safetensors"; info.File != want {
		t.Errorf("model.norm.weight is in %s, want %s", info.File, want)
	}
	var hidden int
	if found, err := single.Config().Get("hidden_size", &hidden); !found || err != nil || hidden != 64 {
		t.Errorf("hidden_size = %d, %v, %v, want 64", hidden, found, err)
	}
}

func TestFiles(t *testing.T) {
	f := open(t, testdata.Shared(t, "stories260K-hf"))
	want := []string{"generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"}
	if got := f.Files(); !slices.Equal(got, want) {
		t.Errorf("Files() = %v, want %v", got, want)
	}
	dir := testmodel.Llama(t, testmodel.Options{})
	for _, name := range []string{"LICENSE", "NOTICE.txt", "chat_template.jinja", "merges.txt", "README.md", "modeling_x.py", "linearize.json", "consolidated.safetensors", "notes.json"} {
		put(t, dir, name, "x")
	}
	want = []string{"LICENSE", "NOTICE.txt", "chat_template.jinja", "generation_config.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"}
	if got := open(t, dir).Files(); !slices.Equal(got, want) {
		t.Errorf("Files() = %v, want %v", got, want)
	}
}

func TestDigests(t *testing.T) {
	got, err := open(t, testdata.Shared(t, "stories260K-hf-sharded")).Digests()
	if err != nil {
		t.Fatal(err)
	}
	if want := "model-00001-of-00003.safetensors model-00002-of-00003.safetensors model-00003-of-00003.safetensors"; strings.Join(slices.Sorted(maps.Keys(got)), " ") != want {
		t.Errorf("Digests() = %v, want files %s", got, want)
	}
	dir := t.TempDir()
	put(t, dir, "config.json", "{}")
	put(t, dir, "model.safetensors", "\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
	got, err = open(t, dir).Digests()
	// printf '\x08\0\0\0\0\0\0\0{}      ' | xxhsum -H2
	if want := "xxh128:20e3ecbf30e42c5fb25df8cdce94a65a"; err != nil || got["model.safetensors"] != want {
		t.Errorf("Digests() = %v, %v, want %s", got, err, want)
	}
}

func put(tb testing.TB, dir, name, text string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

// TestOpenRefuses breaks good folders in one way each.
func TestOpenRefuses(t *testing.T) {
	const shard1, shard3 = "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { t.Helper(); put(t, dir, name, text) }
	}
	index := func(old, replacement string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, "model.safetensors.index.json")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(data, []byte(old)) {
				t.Fatalf("%s does not hold %q", path, old)
			}
			put(t, dir, filepath.Base(path), strings.Replace(string(data), old, replacement, 1))
		}
	}
	tests := []struct {
		name    string
		shards  int
		change  func(*testing.T, string)
		want    string
		hintHas string
	}{
		{"no config", 1, remove("config.json"), "config.json: no such file", ""},
		{"bad config", 1, write("config.json", `{"a":1,"a":2}`), `config.json: parse config: jsontext: duplicate object member name "a"`, ""},
		{"no weights", 1, remove("model.safetensors"), "no weights: want model.safetensors", ""},
		{"pickle", 1, func(t *testing.T, dir string) {
			t.Helper()
			remove("model.safetensors")(t, dir)
			put(t, dir, "pytorch_model-00001-of-00002.bin", "x")
		}, "no safetensors but pytorch_model-00001-of-00002.bin: pickled weights are not read", `AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto").save_pretrained(OUT)`},
		{"stray weights only", 1, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "consolidated.safetensors")); err != nil {
				t.Fatal(err)
			}
		}, "no weights: want model.safetensors", ""},
		{"mixed with index", 3, write("model.safetensors", "x"), "both model.safetensors and model.safetensors.index.json", "remove the one"},
		{"mixed with a shard", 1, write(shard1, "x"), "both model.safetensors and " + shard1, "remove the one"},
		{"shards without index", 3, remove("model.safetensors.index.json"), shard1 + " and 2 more shards, but no model.safetensors.index.json", ""},
		{"missing shard", 3, remove(shard3), "read " + shard3 + ": no such file", ""},
		{"empty shard", 3, write(shard3, ""), "read " + shard3 + ": file is empty", ""},
		{"missing tensor", 3, index(`"model.norm.weight"`, `"model.ghost.weight"`), "tensor model.ghost.weight: not in any shard, want it in " + shard3, ""},
		{"unlisted tensor", 3, index(`"model.norm.weight"`, `"model.ghost.weight"`), "tensor model.norm.weight: in " + shard3 + " but not in the index", ""},
		{"tensor in the wrong shard", 3, index(`"model.norm.weight": "`+shard3, `"model.norm.weight": "`+shard1), "tensor model.norm.weight: in " + shard3 + ", want it in " + shard1, ""},
		{"tensor listed twice", 3, index(`"model.norm.weight"`, `"lm_head.weight"`), "duplicate object member name", ""},
		{"slash in index", 3, index(shard3, "../"+shard3), `shard "../` + shard3 + `" is a path`, ""},
		{"backslash in index", 3, index(shard3, `a\\`+shard3), "is a path, want a file name", ""},
		{"absolute path in index", 3, index(shard3, "/etc/passwd"), "is a path, want a file name", ""},
		{"dot in index", 3, index(shard3, ".."), "is a path, want a file name", ""},
		{"pickle in index", 3, index(shard3, "pytorch_model.bin"), "want a .safetensors file", ""},
		{"index without map", 3, write("model.safetensors.index.json", `{"metadata":{}}`), "weight_map is missing or empty", ""},
		{"index no json", 3, write("model.safetensors.index.json", `{"weight_map":`), "parse index", ""},
		{"index with a tail", 3, write("model.safetensors.index.json", `{} {}`), "more than one JSON value", ""},
		{"cut off", 1, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, "model.safetensors"), 5000); err != nil {
				t.Fatal(err)
			}
		}, "the file is cut off", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := testmodel.Llama(t, testmodel.Options{Shards: tt.shards})
			tt.change(t, dir)
			f, err := checkpoints.Open(dir)
			if err == nil || f != nil {
				t.Fatalf("Open() = %v, %v, want an error alone", f, err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "open "+dir+": ") {
				t.Errorf("Open() = %v\nwant one with %q", err, tt.want)
			}
			if got := hintOf(err); !strings.Contains(got, tt.hintHas) || (got == "") != (tt.hintHas == "") {
				t.Errorf("Hint() = %q, want one with %q", got, tt.hintHas)
			}
		})
	}
}

func TestOpenListsProblems(t *testing.T) {
	dir := testmodel.Llama(t, testmodel.Options{Shards: 3})
	const empty = "\x08\x00\x00\x00\x00\x00\x00\x00{}      "
	for _, shard := range []string{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"} {
		put(t, dir, shard, empty)
	}
	_, err := checkpoints.Open(dir)
	if err == nil || !strings.Contains(err.Error(), "\n    tensor lm_head.weight: not in any shard") || !strings.Contains(err.Error(), "and 13 more like these") {
		t.Errorf("Open() = %v, want a list that ends with how many more", err)
	}
}

func TestStrayWeightsAreIgnored(t *testing.T) {
	for _, shards := range []int{1, 3} {
		dir := testmodel.Llama(t, testmodel.Options{Shards: shards})
		put(t, dir, "consolidated.safetensors", "not even one")
		put(t, dir, "pytorch_model.bin", "x")
		if got := len(open(t, dir).Names()); got != 21 {
			t.Errorf("%d shards: %d tensors, want 21", shards, got)
		}
	}
}

func TestLinkedFiles(t *testing.T) {
	real, dir := testmodel.Llama(t, testmodel.Options{}), t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		if err := os.Symlink(filepath.Join(real, name), filepath.Join(dir, name)); err != nil {
			t.Skipf("this system makes no symbolic links: %v", err)
		}
	}
	f := open(t, dir)
	if got := f.Files(); !slices.Equal(got, []string{"tokenizer.json"}) {
		t.Errorf("Files() = %v, want [tokenizer.json]", got)
	}
	if err := os.Remove(filepath.Join(real, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoints.Open(dir); err == nil || !strings.Contains(err.Error(), "model.safetensors is a link to a missing file") {
		t.Errorf("Open() = %v, want a word about the link", err)
	}
}

func TestTensorAfterClose(t *testing.T) {
	f, err := checkpoints.Open(testmodel.Llama(t, testmodel.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	late := copyOf(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkpoints.Write(filepath.Join(t.TempDir(), "out"), late); err == nil || !strings.Contains(err.Error(), "file is closed") {
		t.Errorf("Write() of a closed folder's tensors = %v, want an error", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close() = %v", err)
	}
	if _, err := f.Tensor("model.norm.weight"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Tensor() after Close() = %v, want an error", err)
	}
	if _, err := f.Tensor("ghost"); err == nil || !strings.Contains(err.Error(), "no tensor ghost") {
		t.Errorf("Tensor(ghost) = %v, want an error", err)
	}
}

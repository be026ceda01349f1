package checkpoints_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

func TestCheckOutput(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	root := t.TempDir()
	dirs := map[string]string{} // name → path
	for name, file := range map[string]string{"model": "config.json", "run": "recipe.yaml", "photos": "cat.jpg", "outer/inner": "config.json", "empty": ""} {
		dirs[name] = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(dirs[name], 0o755); err != nil {
			t.Fatal(err)
		}
		if file != "" {
			put(t, dirs[name], file, "{}")
		}
	}
	put(t, root, "file", "x")
	put(t, filepath.Join(root, "outer"), "config.json", "{}")
	for link, target := range map[string]string{"link": "model", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Skipf("this system makes no symbolic links: %v", err)
		}
	}
	t.Chdir(root)
	tests := []struct {
		name      string
		dir       string
		overwrite bool
		input     string
		want      string // substring; empty means success
	}{
		{"new", "new/deep", false, "model", ""},
		{"empty folder", "empty", false, "model", ""},
		{"full", "model", false, "", "folder is not empty: it holds config.json"},
		{"full, overwritten", "model", true, "", ""},
		{"run, overwritten", "run", true, "model", ""},
		{"no model", "photos", true, "", "folder holds cat.jpg, which is no model or run to replace"},
		{"file", "file", true, "", "write file: file is a file, want a folder or nothing there"},
		{"below a file", "file/x/y", true, "", "write file/x/y: file is a file, want a folder"},
		{"input", "model", true, "model", "output is the input model"},
		{"input, absolute", dirs["model"], true, "model", "output is the input model"},
		{"input, roundabout", "run/../model/.", true, dirs["model"], "output is the input"},
		{"input by a link", "link", true, "model", "output is the input model"},
		{"input is the link", "model", true, "link", "output is the input link"},
		{"new input", "new", false, "new", "output is the input new"},
		{"around the input", "outer", true, "outer/inner", "output holds the input outer/inner"},
		{"inside the input", "model/student", false, "model", ""},
		{"beside the input", "model-2", false, "model", ""},
		{"dangling link", "dangling", false, "", "no such file"},
		{"nothing", "", false, "", "no folder given"},
		{"root", "/", true, "", "root folder"},
		{"home", home, true, "", "home folder"},
		{"around home", filepath.Dir(home), true, "", "home folder"},
		{"here", ".", true, "", "working folder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var inputs []string
			if tt.input != "" {
				inputs = []string{tt.input}
			}
			err := checkpoints.CheckOutput(tt.dir, tt.overwrite, inputs...)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("CheckOutput(%q, %v, %q) = %v, want %q", tt.dir, tt.overwrite, tt.input, err, tt.want)
			}
		})
	}
	if got := ls(t, home); len(got) != 0 {
		t.Errorf("the checks wrote %v", got)
	}
}

// TestWriteRefuses checks that a bad output is refused before its data is asked for.
func TestWriteRefuses(t *testing.T) {
	good := func(name string) checkpoints.Source {
		return checkpoints.Source{Name: name, DType: checkpoints.F32, Shape: []int{1}, Data: func() ([]byte, error) {
			t.Error("data was asked for")
			return make([]byte, 4), nil
		}}
	}
	dir := testmodel.Llama(t, testmodel.Options{})
	with := func(change func(*checkpoints.Output)) checkpoints.Output {
		out := checkpoints.Output{Config: parse(t, `{}`), Tensors: []checkpoints.Source{good("a")}}
		change(&out)
		return out
	}
	tests := map[string]checkpoints.Output{
		"no config":                  with(func(o *checkpoints.Output) { o.Config = nil }),
		"no tensors":                 with(func(o *checkpoints.Output) { o.Tensors = nil }),
		"shards of -1 bytes":         with(func(o *checkpoints.Output) { o.MaxShardSize = -1 }),
		"tensor a: given twice":      with(func(o *checkpoints.Output) { o.Tensors = append(o.Tensors, good("a")) }),
		`tensor "__metadata__": not`: with(func(o *checkpoints.Output) { o.Tensors[0].Name = "__metadata__" }),
		`tensor "": not a name`:      with(func(o *checkpoints.Output) { o.Tensors[0].Name = "" }),
		`tensor a: dtype "F8"`:       with(func(o *checkpoints.Output) { o.Tensors[0].DType = "F8" }),
		"tensor a: no data":          with(func(o *checkpoints.Output) { o.Tensors[0].Data = nil }),
		"tensor a: shape [-1]":       with(func(o *checkpoints.Output) { o.Tensors[0].Shape = []int{-1} }),
		"is negative or too large":   with(func(o *checkpoints.Output) { o.Tensors[0].Shape = []int{1 << 40, 1 << 40} }),
		`file "a/b": want a name`:    with(func(o *checkpoints.Output) { o.Files = map[string][]byte{"a/b": nil} }),
		"file config.json: given twice": with(func(o *checkpoints.Output) {
			o.Files = map[string][]byte{"config.json": nil}
		}),
		"file x.safetensors: weights": with(func(o *checkpoints.Output) { o.Files = map[string][]byte{"x.safetensors": nil} }),
		"file tokenizer.json: given twice": with(func(o *checkpoints.Output) {
			o.Files = map[string][]byte{"tokenizer.json": nil}
			o.Copy = []string{filepath.Join(dir, "tokenizer.json")}
		}),
		"no such file":       with(func(o *checkpoints.Output) { o.Copy = []string{filepath.Join(dir, "ghost")} }),
		"not a regular file": with(func(o *checkpoints.Output) { o.Copy = []string{dir} }),
	}
	root := t.TempDir()
	for want, out := range tests {
		err := checkpoints.Write(filepath.Join(root, "out"), out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Write() = %v, want an error with %q", err, want)
		}
	}
	if got := ls(t, root); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// TestWriteOverInput: the tensors and copies themselves say what the input is.
func TestWriteOverInput(t *testing.T) {
	dir := testmodel.Llama(t, testmodel.Options{Shards: 2})
	out := copyOf(t, open(t, dir))
	out.Overwrite = true
	if err := checkpoints.Write(dir, out); err == nil || !strings.Contains(err.Error(), "output is the input "+dir) {
		t.Errorf("Write(tensors of the folder) = %v, want a refusal", err)
	}
	out.Tensors = []checkpoints.Source{checkpoints.FromFloat32("a", []int{1}, []float32{1}, checkpoints.F32)}
	if err := checkpoints.Write(dir, out); err == nil || !strings.Contains(err.Error(), "output is the input "+dir) {
		t.Errorf("Write(files of the folder) = %v, want a refusal", err)
	}
	if got := len(open(t, dir).Names()); got != 21 {
		t.Errorf("the folder has %d tensors left, want 21", got)
	}
}

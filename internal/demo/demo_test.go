package demo_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/demo"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// The teacher is a complete Llama in bfloat16, small enough to be carried.
func TestTeacher(t *testing.T) {
	files, err := demo.Teacher()
	if err != nil {
		t.Fatal(err)
	}
	dir, size := t.TempDir(), 0
	for name, data := range files {
		size += len(data)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if size > 4<<20 {
		t.Errorf("the teacher has %d bytes, want at most 4 MiB", size)
	}
	folder, err := checkpoints.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // read only
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Weights() {
		if info, ok := folder.Info(w.Name); !ok || info.DType != checkpoints.BF16 {
			t.Errorf("tensor %s is %+v, want BF16", w.Name, info)
		}
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	const text = "func (s *Set) Contains(key string) bool {\n\treturn s.m[key]\n}\n"
	ids := tok.Encode(text)
	if ids[0] != m.BOS || tok.Decode(ids, true) != text {
		t.Errorf("%v is %q, want a BOS and the text", ids, tok.Decode(ids, true))
	}
}

func TestFromFile(t *testing.T) {
	var b strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := demo.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(text.Train, []byte("line ")) + bytes.Count(text.HeldOut, []byte("line "))
	if held := len(text.HeldOut); lines != 30000 || held < b.Len()/100 || held > b.Len()/10 {
		t.Errorf("%d of 30000 lines, %d of %d bytes held out, want all and some", lines, held, b.Len())
	}
	for name, data := range map[string]string{"short": "x\n", "binary": "\xff\n"} {
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := demo.FromFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
}

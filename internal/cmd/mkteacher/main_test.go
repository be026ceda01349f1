package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// One tiny teacher, from source to folder.
func TestRun(t *testing.T) {
	goroot, work, out := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "teacher")
	for i := range 100 {
		dir := filepath.Join(goroot, "src", fmt.Sprintf("p%d", i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "f.go"), []byte(source(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr strings.Builder
	err := run(t.Context(), []string{
		"-goroot", goroot, "-work", work, "-o", out,
		"-set", "data.seq_len=16",
		"-set", "stages[0].steps=2", "-set", "stages[0].batch_size=2", "-set", "stages[0].warmup_steps=1",
		"-set", "stages[1].steps=3", "-set", "stages[1].batch_size=2", "-set", "stages[1].warmup_steps=1",
	}, &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	folder, err := checkpoints.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // read only
	info, ok := folder.Info("model.embed_tokens.weight")
	if !ok || info.DType != checkpoints.BF16 {
		t.Errorf("embedding is %+v, want bfloat16", info)
	}
	card, err := os.ReadFile(filepath.Join(out, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 0-convert | 0 | 7.6", "| 1-pretrain | 2 | ", "| 2-cooldown | 3 | ", "steps: 2\n"} {
		if !strings.Contains(string(card), want) {
			t.Errorf("README.md lacks %q:\n%s", want, card)
		}
	}
}

// source is text with enough different words to learn a vocabulary from.
func source(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package p%d\n", i)
	for j := range 60 {
		word := [3]byte{'a' + byte(j*7%26), 'a' + byte(i%26), 'a' + byte((j+i)*5%26)}
		fmt.Fprintf(&b, "\n// %s does it again and again.\nfunc %s(%sKey string) { return }\n", word[:], word[:], word[1:])
	}
	return b.String()
}

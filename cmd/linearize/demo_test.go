package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The whole demo, with a text of our own and two steps per stage; then the same
// command again, which has nothing left to train.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	text := filepath.Join(t.TempDir(), "text.txt")
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "func f%d(x int) int { return x + %d }\n", i, i%7)
	}
	if err := os.WriteFile(text, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"demo", "-o", dir, "--text", text, "--set", "data.seq_len=64", "--set", "defaults.batch_size=2"}
	for i := range 3 {
		args = append(args, "--set", fmt.Sprintf("stages[%d].steps=2", i), "--set", fmt.Sprintf("stages[%d].warmup_steps=0", i))
	}
	var first string
	for _, want := range []string{`(?s)^A Transformer .*teacher  Llama.*linear .*hybrid .*after distill .*\n\nteacher:\n.*\nRun folder: `, `^A Transformer`} {
		var stdout, stderr strings.Builder
		if code := run(args, &stdout, &stderr); code != exitOK {
			t.Fatalf("exit code %d\n%s", code, &stderr)
		}
		got := regexp.MustCompile(`All of it took .*`).ReplaceAllString(stdout.String(), "")
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("output does not match %s:\n%s", want, got)
		}
		if first != "" && got != first {
			t.Errorf("the demo printed\n%s\nand, when all was done,\n%s", first, got)
		}
		first = got
	}
	if err := os.WriteFile(text, []byte(b.String()[1000:]), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	if code := run(args, &stdout, &stderr); code != exitInvalid || !strings.Contains(stderr.String(), "is not that of this demo") {
		t.Errorf("with another text in the same folder: exit code %d, %s", code, &stderr)
	}
	for _, name := range []string{"teacher/config.json", "linear/final/config.json", "hybrid/final/model.safetensors", "demo.yaml", "linear.log"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

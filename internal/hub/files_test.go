package hub

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// TestFetchedIsCopied: the files that are fetched with a model are those that its
// students get.
func TestFetchedIsCopied(t *testing.T) {
	want := []string{
		"COPYING", "LICENSE.txt", "NOTICE", "added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt", "normalizer.json",
		"preprocessor_config.json", "qwen.tiktoken", "spiece.model", "tokenizer.json", "tokenizer.model.v3", "tokenizer_config.json", "vocab.txt",
	}
	dir := t.TempDir()
	files := listing{}
	for _, name := range append([]string{"README.md", "config.json", "modeling_x.py", "tokenizer.py", "onnx/tokenizer.json"}, want...) {
		files[name] = entry{}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := files.small(true); !slices.Equal(got, append(slices.Clone(want), configName)) {
		t.Errorf("fetched: %v, want %v and %s", got, want, configName)
	}
	weights := checkpoints.FromFloat32("w", nil, []float32{1}, checkpoints.F32)
	if err := checkpoints.WriteFile(filepath.Join(dir, singleName), []checkpoints.Source{weights}, nil); err != nil {
		t.Fatal(err)
	}
	folder, err := checkpoints.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if got := folder.Files(); !slices.Equal(got, want) {
		t.Errorf("copied: %v, want %v", got, want)
	}
}

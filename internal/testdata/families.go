package testdata

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Families returns the names of the golden checkpoints, sorted: tiny random models of
// all families that `make golden-families` made with transformers.
func Families(tb testing.TB) []string {
	tb.Helper()
	entries, err := os.ReadDir(folder(tb, "families"))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Family returns the folder of a golden checkpoint. Beside what a Hugging Face folder
// has, it holds config.v4.json, the same config as transformers 4 spelled it, and
// golden.safetensors: ids I64 [B, T], logits F32 [B, T, V] and attention.{i} F32
// [B, T, E], what the mixer of layer i gives after its output projection, before a
// norm or multiplier of the branch. Where the length of the text chooses the rotation
// there is golden.short.safetensors, too.
func Family(tb testing.TB, name string) string {
	tb.Helper()
	path := folder(tb, "families", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("no golden checkpoint %q: %v; it has %q", name, err, Families(tb))
	}
	return path
}

// folder returns a path inside this package's folder.
func folder(tb testing.TB, elem ...string) string {
	tb.Helper()
	return filepath.Join(slices.Concat([]string{root(tb), "internal", "testdata"}, elem)...)
}

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A watch goes on while the run may, and Ctrl-C is its regular end.
func TestWatchEnds(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"recipe.yaml":    "seed: 1\n",
		"linearize.json": `{"plan": {"stages": [{"name": "a", "dir": "stages/1-a", "steps": 10, "tokens": 1000}]}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if err := watchRun(ctx, &out, dir); err != nil {
		t.Error(err)
	}
	if got := out.String(); strings.Count(got, "state     stopped before its first save") != 1 {
		t.Errorf("a watch that is ended at once shows\n%s", got)
	}
}

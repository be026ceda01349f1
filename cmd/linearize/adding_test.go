package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAddingAMixer does what docs/adding-a-mixer.md says: the blocks of Go that have a
// title are laid over the tree, as files or after a line of one, and the commands of
// its sh block are run.
func TestAddingAMixer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a good part of the tree")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "adding-a-mixer.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{} // by path below root
	for _, b := range regexp.MustCompile("(?ms)^```go title=\"([^\"]+)\"(?: after=\"(.+?)\")?\n(.*?)^```$").FindAllStringSubmatch(string(doc), -1) {
		path, after, code := b[1], b[2], b[3]
		if after == "" {
			files[path] = code
			continue
		}
		if files[path] == "" {
			data, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			files[path] = string(data)
		}
		if n := strings.Count(files[path], "\n"+after+"\n"); n != 1 {
			t.Fatalf("%s has %d lines %q, want one", path, n, after)
		}
		files[path] = strings.Replace(files[path], "\n"+after+"\n", "\n"+after+"\n"+code, 1)
	}
	if len(files) < 8 {
		t.Fatalf("the page has code for %d files, want 8", len(files))
	}
	env := append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay(t, root, files),
		"UPDATE_GOLDEN=") // golden files are those of the tree as it is
	for _, line := range shellLines(string(doc)) {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = root, env
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "no tests to run") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

// overlay writes the files to a folder of their own and returns the path of what tells
// the go command to see them in the tree.
func overlay(t *testing.T, root string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for path, text := range files {
		at := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, path)] = at
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// shellLines are the lines of a page's ```sh blocks.
func shellLines(doc string) []string {
	var lines []string
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(doc, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return lines
}

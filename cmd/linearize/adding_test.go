package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestAddingAMixer does what docs/adding-a-mixer.md says: the blocks of Go that have a
// title are laid over the tree, as files or after a line of one, and the commands of
// its sh block are run.
func TestAddingAMixer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a good part of the tree")
	}
	root, doc, files := readPage(t, "adding-a-mixer.md")
	if len(files) < 8 {
		t.Fatalf("the page has code for %d files, want 8", len(files))
	}
	runPage(t, root, doc, files)
}

// TestAddingAFamily does what docs/adding-a-family.md says, with the golden checkpoint
// that its row of Python makes beside those of the table.
func TestAddingAFamily(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a good part of the tree")
	}
	root, doc, files := readPage(t, "adding-a-family.md")
	golden := filepath.Join(t.TempDir(), "families")
	if err := os.Mkdir(golden, 0o700); err != nil {
		t.Fatal(err)
	}
	folders := []string{filepath.Join(root, "cmd", "linearize", "testdata", "arcee")}
	for _, name := range testdata.Families(t) {
		folders = append(folders, testdata.Family(t, name))
	}
	for _, folder := range folders {
		if err := os.Symlink(folder, filepath.Join(golden, filepath.Base(folder))); err != nil {
			t.Fatal(err)
		}
	}
	const finder, was = "internal/testdata/families.go", `[]string{root(tb), "internal", "testdata"}`
	data, err := os.ReadFile(filepath.Join(root, finder))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), was); n != 1 {
		t.Fatalf("%s has %q %d times, want once", finder, was, n)
	}
	files[finder] = strings.Replace(string(data), was, fmt.Sprintf("[]string{%q}", filepath.Dir(golden)), 1)
	runPage(t, root, doc, files)
}

// readPage returns a page of docs and the files that its blocks of Go make, by their
// paths below root.
func readPage(t *testing.T, page string) (root, doc string, files map[string]string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for _, b := range regexp.MustCompile("(?ms)^```go title=\"([^\"]+)\"(?: after=\"(.+?)\")?\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
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
	return root, string(text), files
}

// runPage runs the lines of a page's sh blocks in the tree with the files laid over it.
func runPage(t *testing.T, root, doc string, files map[string]string) {
	t.Helper()
	env := append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay(t, root, files),
		"UPDATE_GOLDEN=") // golden files are those of the tree as it is
	for _, line := range shellLines(doc) {
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

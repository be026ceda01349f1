package hub

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pythonVar names a Python that has huggingface_hub.
const pythonVar = "LINEARIZE_TEST_HUB_PYTHON"

const layoutFile = "testdata/layout.txt"

// TestLayout holds the cache that a download makes against the one that
// huggingface_hub 2.4.0 made of the same files. It alone writes down lists of files.
func TestLayout(t *testing.T) {
	data, err := os.ReadFile(layoutFile)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(data)), "\n"), func(line string) bool {
		return strings.Contains(line, "/trees/")
	})
	h := newFakeHub(t)
	o := h.options(t)
	if _, _, err := Resolve(t.Context(), testRepo+"@refs/pr/1", o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, layout(t, o.Cache)); diff != "" {
		t.Errorf("layout (-huggingface_hub +ours):\n%s", diff)
	}
}

// python runs tools/golden/hub.py on a cache.
func python(t *testing.T, h *fakeHub, o Options, args ...string) (string, error) {
	t.Helper()
	interpreter := os.Getenv(pythonVar)
	if interpreter == "" {
		t.Skipf("set %s to a Python that has huggingface_hub", pythonVar)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"-B", filepath.Join("..", "..", "tools", "golden", "hub.py")}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "HF_") || strings.HasPrefix(kv, "HUGGING") || strings.HasPrefix(kv, "TRANSFORMERS_")
	}), "HF_ENDPOINT="+h.hub.URL, "HF_HUB_CACHE="+o.Cache, "HF_HOME="+t.TempDir(), "HF_TOKEN="+testToken,
		"HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_UPDATE_CHECK=1", "HF_HUB_DISABLE_PROGRESS_BARS=1")
	if err := cmd.Run(); err != nil {
		return "", errors.Join(err, errors.New(stderr.String()))
	}
	t.Logf("hub.py %s:\n%s", args[0], out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1], nil
}

func mustPython(t *testing.T, h *fakeHub, o Options, args ...string) string {
	t.Helper()
	out, err := python(t, h, o, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPython lets the real huggingface_hub and this package use each other's cache.
func TestPython(t *testing.T) {
	check := append([]string{"check", testRepo, "main"}, tinyWanted...)

	t.Run("theirs, all files", func(t *testing.T) {
		h := newFakeHub(t)
		o := h.options(t)
		want := mustPython(t, h, o, "download", testRepo, "main")
		n := len(h.seen(""))
		for _, offline := range []bool{false, true} {
			o.Offline = offline
			for _, arg := range []string{testRepo, testRepo + "@" + testCommit} {
				if dir, _, err := Resolve(t.Context(), arg, o); err != nil || dir != want {
					t.Errorf("%s: %s, %v, want %s", arg, dir, err, want)
				}
			}
		}
		if got := len(h.seen("")) - n; got != 0 {
			t.Errorf("%d requests for what is cached", got)
		}
	})
	t.Run("theirs, some files", func(t *testing.T) {
		h := newFakeHub(t)
		o := h.options(t)
		mustPython(t, h, o, "download", testRepo, "main", "config.json", shard)
		o.Offline = true
		if _, _, err := Resolve(t.Context(), testRepo, o); !errors.Is(err, ErrNotCached) {
			t.Errorf("error is %v, want %v", err, ErrNotCached)
		}
		o.Offline = false
		dir, ref, err := Resolve(t.Context(), testRepo, o)
		if err != nil {
			t.Fatal(err)
		}
		wantSnapshot(t, h, o, dir, ref)
		if got := h.seen("cdn GET /" + shard); len(got) != 1 {
			t.Errorf("%q, want no second download of the shard", got)
		}
	})
	t.Run("ours", func(t *testing.T) {
		h := newFakeHub(t)
		o := h.options(t)
		want, _, err := Resolve(t.Context(), testRepo, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustPython(t, h, o, check...); got != want {
			t.Errorf("huggingface_hub finds %s, want %s", got, want)
		}
		// Asked to make it whole it fetches what is not there, and no more.
		before := len(h.seen("cdn GET /" + shard))
		mustPython(t, h, o, "download", testRepo, "main")
		if got := len(h.seen("cdn GET /"+shard)) - before; got != 0 {
			t.Errorf("huggingface_hub fetched the shard again")
		}
	})
	t.Run("both at once", func(t *testing.T) {
		h := newFakeHub(t)
		o := h.options(t)
		args := append([]string{"download", testRepo, "main"}, tinyWanted...)
		if os.Getenv(pythonVar) == "" {
			python(t, h, o) // skips
		}
		var wg sync.WaitGroup
		var theirs error
		wg.Go(func() { _, theirs = python(t, h, o, args...) })
		dir, ref, err := Resolve(t.Context(), testRepo, o)
		wg.Wait()
		if err := errors.Join(err, theirs); err != nil {
			t.Fatal(err)
		}
		wantSnapshot(t, h, o, dir, ref)
		noLeftovers(t, o)
	})
	t.Run("layout", func(t *testing.T) {
		h := newFakeHub(t)
		o := h.options(t)
		mustPython(t, h, o, append([]string{"download", testRepo, "refs/pr/1"}, tinyWanted...)...)
		got := []byte(strings.Join(layout(t, o.Cache), "\n") + "\n")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(layoutFile, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(layoutFile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("huggingface_hub makes another layout (-want +got):\n%s", diff)
		}
	})
}

// layout lists a cache: files, links with their targets, refs with what they say.
func layout(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.Type()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			rel += " -> " + filepath.ToSlash(target)
		case strings.Contains(rel, "/refs/"):
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel += " = " + string(data)
		}
		out = append(out, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

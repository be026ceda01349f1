package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

func TestCachedInPart(t *testing.T) {
	for name, x := range map[string]struct {
		remove  []string
		tree    bool   // huggingface_hub wrote down what there is
		missing string // what an offline error names; empty: it is good as it is
	}{
		"config":                      {remove: []string{"config.json"}, missing: "config.json"},
		"index":                       {remove: []string{indexName}, missing: singleName},
		"index, list known":           {remove: []string{indexName}, tree: true, missing: indexName},
		"shard":                       {remove: []string{shard}, missing: shard},
		"chat template, list known":   {remove: []string{"chat_template.jinja"}, tree: true, missing: "chat_template.jinja"},
		"chat template, list unknown": {remove: []string{"chat_template.jinja"}},
		"tokenizer, list unknown":     {remove: []string{"tokenizer.json"}},
		"tokenizer, list known":       {remove: []string{"tokenizer.json"}, tree: true, missing: "tokenizer.json"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t)
			o := h.options(t)
			dir, _, err := Resolve(t.Context(), testRepo, o)
			if err != nil {
				t.Fatal(err)
			}
			if x.tree {
				writeTree(t, h, o)
			}
			for _, name := range x.remove {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			o.Offline = true
			_, _, err = Resolve(t.Context(), testRepo, o)
			switch {
			case x.missing == "" && err != nil:
				t.Errorf("offline: %v", err)
			case x.missing != "" && (!errors.Is(err, ErrNotCached) || !strings.Contains(err.Error(), x.missing+" is not cached in "+dir)):
				t.Errorf("offline: error is %v, want %s named in %s", err, x.missing, dir)
			}
			if name == "chat template, list unknown" {
				return // nobody can know that it is missing
			}
			before := len(h.seen(""))
			o.Offline = false
			if _, _, err := Resolve(t.Context(), testRepo, o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tinyWanted, names(t, dir)); diff != "" {
				t.Errorf("completed (-want +got):\n%s", diff)
			}
			if n := len(h.seen("")) - before; n > 3 || len(h.seen("/resolve/")) > len(tinyWanted) {
				t.Errorf("%d requests, want the revision and the list: the blob is there", n)
			}
		})
	}
}

func writeTree(t *testing.T, h *fakeHub, o Options) {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"format_version":1,"files":{`)
	sep := ""
	for name, data := range h.files {
		b.WriteString(sep + `"` + name + `":{"size":` + strconv.Itoa(len(data)) + `,"blob_id":"` + gitSHA1(data) + `"`)
		if isLFS(name) {
			b.WriteString(`,"lfs_sha256":"` + sha256Hex(data) + `","lfs_size":` + strconv.Itoa(len(data)))
		}
		b.WriteString("}")
		sep = ","
	}
	b.WriteString("}}")
	dir := filepath.Join(o.Cache, "models--acme--tiny", "trees")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, testCommit+".json"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestSkipWeights(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	o.SkipWeights = true
	for range 2 {
		dir, _, err := Resolve(t.Context(), testRepo, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); len(got) != len(tinyWanted)-3 || len(h.seen("safetensors")) > 0 {
			t.Errorf("snapshot is %q, want no weights", got)
		}
	}
	o.SkipWeights = false
	dir, ref, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	wantSnapshot(t, h, o, dir, ref)
}

func TestNoTokenizer(t *testing.T) {
	h := newFakeHub(t)
	delete(h.files, "tokenizer.json")
	o := h.options(t)
	dir, _, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	n := len(h.seen(""))
	if again, _, err := Resolve(t.Context(), testRepo, o); err != nil || again != dir || len(h.seen("")) != n {
		t.Errorf("%s, %v, %d requests more, want none", again, err, len(h.seen(""))-n)
	}
}

func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	h := newFakeHub(t)
	o := h.options(t)
	blobs := filepath.Join(o.Cache, "models--acme--tiny", "blobs")
	if err := os.MkdirAll(blobs, 0o777); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(blobs, sha256Hex(h.files[shard])+".incomplete")
	if err := os.Symlink("/dev/full", part); err != nil {
		t.Fatal(err)
	}
	_, _, err := Resolve(t.Context(), testRepo, o)
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(advice.Of(err), "HF_HUB_CACHE") {
		t.Errorf("error is %v, want a full disk and what to do", err)
	}
	if _, err := os.Lstat(part); err != nil {
		t.Errorf("what came so far is gone: %v", err)
	}
}

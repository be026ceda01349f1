package hub

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	if got, err := List(filepath.Join(o.Cache, "none")); err != nil || len(got) != 0 {
		t.Errorf("no cache: %v, %v", got, err)
	}
	var dir string
	for _, arg := range []string{testRepo, testRepo + "@refs/pr/1"} {
		var err error
		if dir, _, err = Resolve(t.Context(), arg, o); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"datasets--acme--text/snapshots/" + testCommit, "models--gpt2", "models--a--b--c", "models--acme--empty"} {
		if err := os.MkdirAll(filepath.Join(o.Cache, other), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	want := Cached{Repo: testRepo, Commit: testCommit, Revisions: []string{"main", "refs/pr/1"}, Missing: []string{}}
	for _, name := range tinyWanted {
		want.Bytes += int64(len(h.files[name]))
	}
	check := func() {
		t.Helper()
		got, err := List(o.Cache)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Cached{want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	check()
	if err := os.Remove(filepath.Join(dir, shard)); err != nil {
		t.Fatal(err)
	}
	want.Bytes -= int64(len(h.files[shard]))
	want.Missing = []string{shard}
	check()
}

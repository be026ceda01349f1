package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Cached is a snapshot of a model in the cache.
type Cached struct {
	Repo      string   `json:"repo"`
	Commit    string   `json:"commit"`
	Revisions []string `json:"revisions"` // branches and tags that stood at the commit, as far as the cache knows
	Bytes     int64    `json:"bytes"`     // of its files; snapshots may share them
	Missing   []string `json:"missing"`   // files without which it is no model
}

// List returns what a cache holds of models, sorted. A cache that is not there is empty.
func List(root string) ([]Cached, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return []Cached{}, nil
	}
	if err != nil {
		return nil, err
	}
	out := []Cached{}
	for _, e := range entries {
		name, isModel := strings.CutPrefix(e.Name(), "models--")
		ref, ok := Parse(strings.Replace(name, "--", "/", 1))
		if !isModel || !ok {
			continue // a data set, or a model of another form of name
		}
		snapshots, err := cacheOf(root, ref.Repo).list(ref.Repo)
		if err != nil {
			return nil, err
		}
		out = append(out, snapshots...)
	}
	return out, nil
}

func (c cache) list(repo string) ([]Cached, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "snapshots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	revisions, err := c.revisions()
	if err != nil {
		return nil, err
	}
	var out []Cached
	for _, e := range entries {
		commit := e.Name()
		if !commitForm.MatchString(commit) {
			continue
		}
		s, err := c.state(commit, false)
		if err != nil {
			s.missing = []string{indexName} // it is there, and cannot be read
		}
		x := Cached{Repo: repo, Commit: commit, Revisions: notNil(revisions[commit]), Missing: notNil(s.missing)}
		if x.Bytes, err = treeSize(c.snapshot(commit)); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// revisions returns the names of each commit, sorted.
func (c cache) revisions() (map[string][]string, error) {
	root := filepath.Join(c.dir, "refs")
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if commit := c.commit(name); commit != "" && !strings.HasSuffix(name, ".tmp") {
			out[commit] = append(out[commit], name)
		}
		return nil
	})
	return out, err
}

// treeSize adds up the files below dir, with what links point to.
func treeSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if stat, err := os.Stat(path); err == nil { // a link to nowhere has no size
			n += stat.Size()
		}
		return nil
	})
	return n, err
}

// notNil keeps null out of JSON.
func notNil(s []string) []string { return append([]string{}, s...) }

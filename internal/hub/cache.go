package hub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cache is the part of the cache that holds one repository.
type cache struct {
	root string // of all repositories
	dir  string // of this one
}

func cacheOf(root, repo string) cache {
	return cache{root: root, dir: filepath.Join(root, folderName(repo))}
}

func folderName(repo string) string { return "models--" + strings.ReplaceAll(repo, "/", "--") }

func (c cache) snapshot(commit string) string { return filepath.Join(c.dir, "snapshots", commit) }
func (c cache) blob(etag string) string       { return filepath.Join(c.dir, "blobs", etag) }

func (c cache) lock(etag string) string {
	return filepath.Join(c.root, ".locks", filepath.Base(c.dir), etag+".lock")
}

func (c cache) absent(commit, name string) string {
	return filepath.Join(c.dir, ".no_exist", commit, name)
}

// commit returns what a revision is, as far as the cache knows, or nothing.
func (c cache) commit(revision string) string {
	if commitForm.MatchString(revision) {
		return revision
	}
	data, err := os.ReadFile(filepath.Join(c.dir, "refs", filepath.FromSlash(revision)))
	commit := strings.TrimSpace(string(data))
	if err != nil || !commitForm.MatchString(commit) {
		return ""
	}
	return commit
}

// keepRef notes what a revision is.
func (c cache) keepRef(revision, commit string) error {
	if revision == commit || c.commit(revision) == commit {
		return nil
	}
	path := filepath.Join(c.dir, "refs", filepath.FromSlash(revision))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	// Several threads and hosts may do this at once: nobody shall see a half of it.
	tmp := path + "." + strings.ToLower(rand.Text()[:8]) + ".tmp"
	err := os.WriteFile(tmp, []byte(commit), 0o666)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

// keepAbsent notes that a commit has no such file.
func (c cache) keepAbsent(commit, name string) error {
	path := c.absent(commit, name)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o666)
}

// tag marks the cache for backup programs, as huggingface_hub does.
func (c cache) tag() {
	path := filepath.Join(c.root, "CACHEDIR.TAG")
	if _, err := os.Stat(path); err == nil {
		return
	}
	const text = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# This folder is a cache of Hugging Face models; see https://bford.info/cachedir/\n"
	_ = os.WriteFile(path, []byte(text), 0o666) // a cache without the mark is as good
}

// tree returns what a commit holds if huggingface_hub wrote it down, else nil.
func (c cache) tree(commit string) listing {
	data, err := os.ReadFile(filepath.Join(c.dir, "trees", commit+".json"))
	if err != nil {
		return nil
	}
	list, err := parseTree(data)
	if err != nil {
		return nil // of another version, or damaged: the hub will tell
	}
	return list
}

// state is how much of a snapshot lies in the cache.
type state struct {
	missing []string // files that are needed and not there
	unsure  bool     // there may be a tokenizer that is not here
}

func (s state) usable() bool   { return len(s.missing) == 0 }
func (s state) complete() bool { return s.usable() && !s.unsure }

// state holds a snapshot against the list of its files where there is one. Otherwise
// config, weights and a tokenizer are enough: they are what is fetched last.
func (c cache) state(commit string, skipWeights bool) (state, error) {
	dir := c.snapshot(commit)
	has := func(name string) bool { // a link to nowhere is a file that is missing
		stat, err := os.Stat(filepath.Join(dir, name))
		return err == nil && stat.Mode().IsRegular()
	}
	need := []string{configName}
	list := c.tree(commit)
	if list != nil {
		if list.check(skipWeights) != nil {
			list = nil
		} else {
			need = list.small(skipWeights)
		}
	}
	if !skipWeights {
		weights := []string{singleName}
		index, err := os.ReadFile(filepath.Join(dir, indexName))
		switch {
		case err == nil:
			if weights, err = shardsOf(index); err != nil {
				return state{}, fmt.Errorf("%s: %w", dir, err)
			}
		case !errors.Is(err, fs.ErrNotExist):
			return state{}, err
		case list.has(indexName):
			weights = nil // the index is among what is needed already
		}
		need = append(need, weights...)
	}
	var s state
	for _, name := range need {
		if !has(name) && !isLicence(name) {
			s.missing = append(s.missing, name)
		}
	}
	if list == nil {
		_, err := os.Stat(c.absent(commit, tokenizers[0]))
		s.unsure = err != nil && !slices.ContainsFunc(tokenizers, has)
	}
	return s, nil
}

// link makes a file of a snapshot point to its blob.
func (c cache) link(etag, commit, name string) error {
	pointer := filepath.Join(c.snapshot(commit), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(pointer), 0o777); err != nil {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(pointer), c.blob(etag))
	if err != nil {
		return err
	}
	if old, err := os.Readlink(pointer); err == nil && old == target {
		return nil
	}
	if err := os.Remove(pointer); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, pointer); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return os.Rename(c.blob(etag), pointer) // there are no links here
}

package hub

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/typo"
)

// noFolderError is a word that can only mean a folder, and there is none.
type noFolderError struct {
	arg  string
	hint string
	name bool // it could name a model of the hub
}

func (e *noFolderError) Error() string {
	if e.name {
		return "find " + e.arg + ": there is no such folder"
	}
	return "find " + e.arg + ": there is no such folder, and no model of the hub has such a name"
}

func (e *noFolderError) Unwrap() error { return fs.ErrNotExist }

func (e *noFolderError) Hint() string { return e.hint }

// didYouMean asks for the folder that is nearest to a path from base; it is empty where
// none is near.
func didYouMean(base, path string) string {
	if near := nearFolder(base, path); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// nearFolder mends a path from base, name by name from its beginning, until it is that of a
// folder. It is empty where nothing is near.
func nearFolder(base, path string) string {
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(base, path)
	}
	if isDir(at(path)) {
		return path
	}
	parent, name := filepath.Dir(path), filepath.Base(path)
	if parent == path {
		return ""
	}
	if parent = nearFolder(base, parent); parent == "" {
		return ""
	}
	if full := filepath.Join(parent, name); isDir(at(full)) {
		return full
	}
	entries, _ := os.ReadDir(at(parent)) // none where it cannot be read
	var names []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(name, ".")
		if !hidden && isDir(at(filepath.Join(parent, e.Name()))) {
			names = append(names, e.Name())
		}
	}
	near := typo.Nearest(name, names)
	if near == "" {
		return ""
	}
	return filepath.Join(parent, near)
}

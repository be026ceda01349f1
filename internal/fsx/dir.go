package fsx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ReplaceDir makes dir a folder with what fill writes into tmp, an empty sibling
// that becomes dir once everything in it is on the disk. A dir that is absent or
// empty is always replaced, another one only when overwrite is set; it stays
// complete until the new one is. When fill fails or panics nothing is left.
func ReplaceDir(dir string, overwrite bool, fill func(tmp string) error) error {
	return writeDir(dir, overwrite, true, fill)
}

// PlaceDir does as [ReplaceDir] where nothing is to be replaced, and does not wait for
// the disk: for what can be made again. After a power failure in the half minute or so
// that the system takes, files may be there that lack parts.
func PlaceDir(dir string, fill func(tmp string) error) error {
	return writeDir(dir, false, false, fill)
}

func writeDir(dir string, overwrite, durable bool, fill func(tmp string) error) error {
	dir, err := Resolve(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case len(entries) > 0 && !overwrite:
		return fmt.Errorf("replace %s: folder is not empty", dir)
	}
	parent := filepath.Dir(dir)
	made, err := makeParents(parent)
	placed := false
	defer func() {
		if !placed {
			for _, p := range made {
				_ = os.Remove(p)
			}
		}
	}()
	if err != nil {
		return err
	}
	sweep(dir)
	tmp := partialName(dir)
	if err := os.Mkdir(tmp, 0o777); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("replace %s: %s exists: another write is under way", dir, filepath.Base(tmp))
		}
		return err
	}
	unlock, _ := lock(tmp) // without a lock the write is as good, only the sweep is not
	defer unlock()
	defer func() {
		if !placed {
			_ = os.RemoveAll(tmp)
		}
	}()
	if err := fill(tmp); err != nil {
		return err
	}
	if durable {
		if err := syncTree(tmp); err != nil {
			return err
		}
	}
	if exists && !overwrite { // it was empty; what somebody has put there since is an error
		if err := os.Remove(dir); err != nil {
			return err
		}
		exists = false
	}
	if err := place(tmp, dir, exists); err != nil {
		return err
	}
	placed = true
	if !durable {
		return nil
	}
	return syncDir(parent)
}

// makeParents creates dir with its parents and returns those that were missing,
// innermost first.
func makeParents(dir string) (made []string, err error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			break
		}
		made = append(made, at)
	}
	return made, os.MkdirAll(dir, 0o777)
}

// Sweep removes what killed writers left behind in dir and below.
func Sweep(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !isPartial(d.Name()):
			return nil
		}
		removeDead(path)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// sweep removes what killed writers of path left behind.
func sweep(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // the write itself will say why
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+partialSuffix) && isPartial(e.Name()) {
			removeDead(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// isPartial tells whether a name is one that partialName gives.
func isPartial(name string) bool {
	i := strings.LastIndex(name, partialSuffix)
	if i < 1 {
		return false
	}
	_, err := strconv.ParseUint(name[i+len(partialSuffix):], 10, 32)
	return err == nil
}

// removeDead removes a partial file or folder that nobody holds: its writer is dead.
func removeDead(path string) {
	unlock, err := lock(path)
	if err == nil {
		_ = os.RemoveAll(path)
	}
	unlock()
}

// place renames tmp to dir and removes what stood there.
func place(tmp, dir string, exists bool) error {
	if !exists {
		return os.Rename(tmp, dir)
	}
	if exchange(tmp, dir) == nil {
		return os.RemoveAll(tmp)
	}
	old := dir + ".old-" + strconv.Itoa(os.Getpid())
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

// syncTree flushes every file and folder under root.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return syncDir(path)
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

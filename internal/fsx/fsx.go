// Package fsx writes files and folders so that a reader sees the old one, the
// new one or none, and never a part of one.
//
// [WriteFile] and [ReplaceFile] put one file in place, [ReplaceDir] and [PlaceDir] a
// whole folder. All of them write to a sibling called NAME.partial-PID and rename it;
// all but PlaceDir flush it to the disk before. [Resolve] is how two paths are compared.
//
// # Limits
//
// A killed process leaves its .partial file or folder behind; the next write of the
// same path removes it, and so does [Sweep]. What a running process writes is held by
// a lock and stays. A mount point cannot be replaced, because it cannot be renamed.
//
// # Compatibility
//
// Linux swaps an overwritten folder in one step. Elsewhere the old one is renamed
// aside first, and put back when the second rename fails.
package fsx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// ErrHeld reports a folder that another process holds.
var ErrHeld = errors.New("another process has it")

// partialSuffix stands between a path and the writer's process id.
const partialSuffix = ".partial-"

func partialName(path string) string { return path + partialSuffix + strconv.Itoa(os.Getpid()) }

// WriteFile puts data at path in one step, with perm less the umask.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return ReplaceFile(path, perm, func(w *Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ReplaceFile puts what write writes at path in one step. When write fails, what
// was at path before is still there.
func ReplaceFile(path string, perm os.FileMode, write func(w *Writer) error) error {
	sweep(path)
	tmp := partialName(path)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	unlock, _ := lock(tmp) // without a lock the write is as good, only the sweep is not
	defer unlock()
	placed := false
	defer func() {
		if !placed { // also when write panics
			_ = f.Close()
			_ = os.Remove(tmp)
		}
	}()
	w := NewWriter(f, true)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	placed = true
	return syncDir(filepath.Dir(path))
}

// syncDir flushes a folder's list of names, which makes a rename in it durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = syncDirHandle(d)
	return errors.Join(err, d.Close())
}

// Resolve returns the absolute path with every symbolic link followed. The last
// elements may be missing: they are appended as they are.
func Resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if _, lerr := os.Lstat(at); lerr == nil || !errors.Is(lerr, os.ErrNotExist) || filepath.Dir(at) == at {
			return "", fmt.Errorf("resolve %s: %w", path, err) // a dangling or circular link
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

package distill

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// ChangedError reports a run folder that belongs to another recipe.
type ChangedError struct {
	Run     string
	Changes []string // as "seed: was 0, is 1"; nil: not known
}

func (e *ChangedError) Error() string {
	message := "run folder " + e.Run + " was made by another recipe; its own is in recipe.yaml there"
	if len(e.Changes) > 0 {
		message += "\n    " + strings.Join(e.Changes, "\n    ")
	}
	return message
}

// Hint lists the ways out.
func (*ChangedError) Hint() string {
	return "choose another folder with -o, or start over with --overwrite; of a recipe in progress only steps can grow"
}

// ExitCode is that of invalid input.
func (*ChangedError) ExitCode() int { return 3 }

// WriteError reports a run folder that takes no more: a full disk, say. What was saved
// last is whole.
type WriteError struct {
	Run   string
	Saved bool // whether anything was
	Err   error
}

func (e *WriteError) Error() string { return e.Err.Error() }

func (e *WriteError) Unwrap() error { return e.Err }

// Hint says how to go on.
func (e *WriteError) Hint() string {
	do := "make the folder writable"
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		do = cmp.Or(advice.Of(e.Err), "free some room, or keep fewer saves with keep: {last: 1}")
	case errors.Is(e.Err, syscall.EFBIG):
		do = "allow larger files (ulimit -f), or write to a file system that does"
	}
	if !e.Saved {
		return do + "; nothing was saved yet, and the same command begins again (run folder " + e.Run + ")"
	}
	return do + "; the last save is whole, and the same command goes on from it (run folder " + e.Run + ")"
}

// explain turns the errors of a disk into a [*WriteError].
func (p *Plan) explain(err error) error {
	if _, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return err
	}
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO, fs.ErrPermission} {
		if errors.Is(err, cause) {
			return &WriteError{p.Dir, exists(filepath.Join(p.Dir, stateFile)), err}
		}
	}
	return err
}

//go:build !linux && !darwin && !freebsd

package fsx

import (
	"errors"
	"os"
)

// lock has no lock to take here, so nothing is ever swept.
func lock(string) (unlock func(), err error) { return func() {}, errors.ErrUnsupported }

// Hold has no lock to take here.
func Hold(dir string) (release func(), err error) { return lock(dir) }

// syncDirHandle does nothing: folders cannot be flushed here.
func syncDirHandle(*os.File) error { return nil }

// DropPages does nothing here: the kernel decides alone what of a mapping it keeps.
func DropPages([]byte, int, int) {}

// Free is not known here.
func Free(string) (bytes int64, ok bool) { return 0, false }

//go:build linux || darwin || freebsd

package fsx

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the lock of a file or folder without waiting. The kernel drops it when the
// process ends, in whatever way and whatever process-id namespace.
func lock(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return func() {}, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return func() { _ = f.Close() }, err
		}
	}
}

// Hold keeps a folder for this process until release is called, or the process ends.
// The error is [ErrHeld] if another process has it; any other says that it cannot be kept,
// because its file system has no locks, as some that a network shares.
func Hold(dir string) (release func(), err error) {
	release, err = lock(dir)
	if err == nil {
		return release, nil
	}
	release()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrHeld
	}
	return func() {}, err
}

func syncDirHandle(d *os.File) error { return d.Sync() }

// DropPages tells the kernel that part, the bytes [begin, end) of a read-only file
// mapping, is not needed in memory for now. Reading it again brings it back.
func DropPages(mapping []byte, begin, end int) {
	page := os.Getpagesize()
	begin = begin / page * page
	if end > len(mapping) || begin >= end {
		return
	}
	_ = unix.Madvise(mapping[begin:end], unix.MADV_DONTNEED) // advice: refusing it is no failure
}

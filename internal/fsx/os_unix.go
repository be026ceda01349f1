//go:build linux || darwin || freebsd

package fsx

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the lock of a file or folder without waiting. The kernel drops it when the
// process ends, in whatever way and whatever process-id namespace.
func lock(path string) (unlock func(), ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return func() {}, false
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return func() { _ = f.Close() }, err == nil
}

// Hold keeps a folder for this process, or reports that another one has it. Release
// gives it back, as the end of the process does.
func Hold(dir string) (release func(), ok bool) { return lock(dir) }

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

// Free is how many bytes the disk of a folder has for this user; ok is false where the
// system does not say.
func Free(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // other systems have other types
}

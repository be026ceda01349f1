package fsx

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// Free is how many bytes the disk of a folder has for this user; ok is false where the
// system does not say. Blocks are of the fragment size: the other one, which is what to
// read at a time, is larger on some file systems.
func Free(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(cmp.Or(s.Frsize, s.Bsize)), true //nolint:unconvert // other processors have other types
}

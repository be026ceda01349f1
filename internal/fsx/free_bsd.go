//go:build darwin || freebsd

package fsx

import "golang.org/x/sys/unix"

// Free is how many bytes the disk of a folder has for this user; ok is false where the
// system does not say.
func Free(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return max(0, int64(s.Bavail)) * int64(s.Bsize), true //nolint:unconvert // the two have other types
}

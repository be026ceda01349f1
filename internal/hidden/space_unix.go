//go:build linux || darwin || freebsd

package hidden

import "golang.org/x/sys/unix"

// Free is how many bytes the disk of a folder has for this user; ok is false where the
// system does not say.
func Free(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // other systems have other types
}

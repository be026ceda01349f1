//go:build linux || darwin || freebsd

package hub

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock that huggingface_hub takes for the same blob, and waits for
// it. The file stays: removing it would let two processes hold the lock. A file system
// without locks costs a second download, not a wrong one.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o664)
		if err != nil {
			return nil, err
		}
		if held, works := tryLock(f); !works || held && isAt(f, path) {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close()
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// tryLock does not wait, and tells whether there are locks at all.
func tryLock(f *os.File) (held, works bool) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return err == nil, err == nil || errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR)
}

// isAt tells whether the open file is still the one of that name.
func isAt(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

func isDiskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, errNoSpace)
}

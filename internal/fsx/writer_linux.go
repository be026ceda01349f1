package fsx

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// beginSync asks the system to begin to put a part of a file on the disk, and does not
// wait for it. It promises nothing: a failure shows when the file is synced.
func beginSync(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}

// copyRange has the system copy up to n bytes of src, from offset on, to where dst is
// written next, and returns how many it did: none if it cannot.
func copyRange(dst, src *os.File, offset, n int64) int64 {
	m, err := unix.CopyFileRange(int(src.Fd()), &offset, int(dst.Fd()), nil, int(n), 0)
	if err != nil {
		return 0
	}
	return int64(m)
}

// reserve has the system give a new file its blocks. Its size grows as it is written, so
// that one that a power failure cuts off is short rather than full of zeros.
func reserve(f *os.File, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, n)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
			return &os.PathError{Op: "write", Path: f.Name(), Err: err}
		default:
			return nil // done, or nothing that this file system does
		}
	}
}

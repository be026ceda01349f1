package fsx

import (
	"os"

	"golang.org/x/sys/unix"
)

// BeginSync asks the system to begin to put a part of a file on the disk, and does not
// wait for it. It promises nothing: a failure shows when the file is synced.
func BeginSync(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}

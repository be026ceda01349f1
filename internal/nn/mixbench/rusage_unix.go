//go:build linux || darwin

package mixbench

import (
	"syscall"
	"time"
)

// processorTime is what the threads of this process have used so far, system included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

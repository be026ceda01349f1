//go:build linux || darwin

package rusage

import (
	"syscall"
	"time"
)

// ProcessorTime is what the threads of this process have used so far, system included.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

//go:build (linux || darwin) && (amd64 || arm64)

package main

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// maxRSS returns the most memory that an ended process had resident, in bytes.
func maxRSS(p *os.ProcessState) (int64, error) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("the system does not say how much memory the process had")
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss, nil
	}
	return usage.Maxrss * 1024, nil
}

// settle waits until the disk has done what was left over, such as removals.
func settle() { syscall.Sync() }

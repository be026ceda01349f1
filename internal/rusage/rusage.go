// Package rusage says what processes have used, for benchmarks and tests.
//
// # Limits
//
// [Peak] is for Linux. [ProcessorTime] is 0 on systems that are neither Linux nor macOS.
package rusage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Peak is the largest resident memory, in bytes, that a process which is not over has had,
// as Linux tells it. What the system says of a child when it has ended counts the memory
// of the parent, which it was a copy of for a moment.
func Peak(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("peak memory: %s has no VmHWM", path)
}

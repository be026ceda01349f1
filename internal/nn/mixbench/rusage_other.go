//go:build !(linux || darwin)

package mixbench

import "time"

// processorTime is not known on this system.
func processorTime() time.Duration { return 0 }

//go:build goexperiment.simd && amd64 && linux

package engine

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// guardSize is more than the small models use whose rows do not fill a vector.
const guardSize = 1 << 30

// guardHeap keeps reads that run over the end of a buffer inside mapped memory.
//
// Go 1.27's simd package loads the last, partly filled vector of a slice as a
// whole and masks it afterwards (LoadFloat32x16Part compiles to an unmasked
// VMOVDQU64), so it reads up to 60 bytes too far. That goes unnoticed, except
// where a buffer ends with the heap's last mapped page: there the process dies
// of SIGSEGV, in a few of a hundred short runs with heads of 8 dimensions.
//
// The heap fills from its lowest address up. Growing it once by a block that is
// then given back moves its mapped end out of reach; pages that were never
// touched cost no memory. A heap that grows past the block has such ends again,
// but models of that size have rows of whole vectors. See
// docs/decisions/0003-heap-guard.md.
var guardHeap = sync.OnceFunc(func() {
	if !roomy() {
		return
	}
	var block strings.Builder
	block.Grow(guardSize)     // make would write zeros to all of it where it begins with pages that were used
	runtime.KeepAlive(&block) // dead from here on, and free after the collection
	runtime.GC()
})

// roomy reports whether address space that is never touched is free of charge here.
func roomy() bool {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur < 8*guardSize {
		return false
	}
	mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return err != nil || !bytes.HasPrefix(mode, []byte("2"))
}

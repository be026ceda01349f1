package checkpoints

import (
	"errors"
	"runtime/debug"
)

var errFault = errors.New("a weight file cannot be read any more: it became shorter, or the disk failed")

// guarded calls read, which reads mapped files. Where one of them has become shorter
// meanwhile, or its disk fails, the system kills a process that has no guard; here it is errFault.
func guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = errFault
		default:
			panic(r)
		}
	}()
	return read()
}

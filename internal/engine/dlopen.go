//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64))

package engine

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// The head of PJRT_Api, which is the same in every version of it.
struct head {
	size_t size;
	void *extensions;
	size_t version_size;
	void *version_extensions;
	int major, minor;
};

static const struct head *api_of(void *get) { return ((const struct head *(*)(void))get)(); }
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// loadLibrary loads a plugin for as long as the process lives, and refuses one whose
// interface go-xla does not speak. go-xla, which then finds it loaded, would give the
// loader's message in a paragraph of its own, twice.
func loadLibrary(path string) error {
	runtime.LockOSThread() // each thread has a dlerror of its own
	defer runtime.UnlockOSThread()
	name, symbol := C.CString(path), C.CString("GetPjrtApi")
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(symbol))
	lib := C.dlopen(name, C.RTLD_LAZY|C.RTLD_LOCAL)
	if lib == nil {
		return errors.New(C.GoString(C.dlerror()))
	}
	get := C.dlsym(lib, symbol)
	if get == nil {
		return errors.New(C.GoString(C.dlerror()))
	}
	head := C.api_of(get)
	if head == nil {
		return errors.New("it offers no interface: GetPjrtApi gives none")
	}
	if head.major != 0 { // go-xla speaks 0.x, whose parts keep their places
		return fmt.Errorf("it speaks version %d.%d of PJRT's interface, want 0.x", head.major, head.minor)
	}
	return nil
}

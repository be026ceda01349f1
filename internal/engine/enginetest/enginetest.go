// Package enginetest gives tests the engine that the test run was asked to use.
package enginetest

import (
	"cmp"
	"os"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

// open is shared by the tests of a package: loading a plugin takes a second.
var open = sync.OnceValues(func() (compute.Backend, error) {
	return engine.Open(Name())
})

// Name is the engine of this test run: LINEARIZE_TEST_ENGINE, or go.
func Name() string { return cmp.Or(os.Getenv("LINEARIZE_TEST_ENGINE"), engine.Default) }

// Open returns that engine, one for all tests of a package.
func Open(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := open()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

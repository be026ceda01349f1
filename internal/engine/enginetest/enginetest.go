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
	_ = os.Getenv("XLA_FLAGS") // which the plugin alone reads, and go test's cache is to tell apart
	return engine.Open(Name())
})

// Name is the engine of this test run: LINEARIZE_TEST_ENGINE, or go.
func Name() string { return cmp.Or(os.Getenv("LINEARIZE_TEST_ENGINE"), engine.Default) }

// Environment is what a program that a test starts must be given to find that engine by
// --engine auto: pairs of name and value, none where the engine is go.
func Environment() [][2]string {
	var pairs [][2]string
	if Name() == engine.Default {
		return nil
	}
	for _, name := range []string{engine.PluginPathEnv, "GOMLX_NO_AUTO_INSTALL", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"} {
		if value, ok := os.LookupEnv(name); ok {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

// Open returns that engine, one for all tests of a package.
func Open(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := open()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

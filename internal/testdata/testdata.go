// Package testdata finds the real inputs that tests read but the repository does not carry.
//
// They lie beside the checkout, in ../shared/data; a clone without them still
// builds and tests, and every test that needs them says what it skipped and why.
package testdata

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Shared returns the path of a file or folder of ../shared/data beside the
// repository, and skips the test when that folder is not there.
func Shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	_, self, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("cannot find the repository: no caller information")
	}
	root := filepath.Join(filepath.Dir(self), "..", "..")
	path := filepath.Join(append([]string{root, "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("real data is not beside this checkout: %v", err)
	}
	return path
}

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
	path := filepath.Join(append([]string{root(tb), "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("real data is not beside this checkout: %v", err)
	}
	return path
}

// root returns the folder of the repository, wherever tests run: where this file was
// when it was compiled or, for a test binary that was carried to another machine, the
// module that the working folder lies in.
func root(tb testing.TB) string {
	tb.Helper()
	if _, self, _, ok := runtime.Caller(0); ok {
		if _, err := os.Stat(self); err == nil {
			return filepath.Join(filepath.Dir(self), "..", "..")
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("cannot find the repository: tests run neither where they were compiled nor inside a checkout")
		}
	}
}

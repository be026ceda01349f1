//go:build !cgo

package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

// Without cgo there is go alone; what needs xla says how to have it.
func TestWithoutCgo(t *testing.T) {
	_, open := engine.Open("xla:cpu")
	_, install := engine.Install(t.Context(), "cpu")
	for _, err := range []error{open, install} {
		e, ok := errors.AsType[*engine.Error](err)
		if !ok || !strings.Contains(e.Error(), "built without it") || !strings.Contains(e.Hint(), "CGO_ENABLED=1") {
			t.Errorf("got %v, want an *Error that says how to build", err)
		}
	}
}

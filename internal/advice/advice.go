// Package advice adds to an error what can be done about it. The command line prints
// that on a line of its own.
//
// # Limits
//
// One hint for a chain of errors, the outermost; those below it, and of errors that are joined
// those after the first, are not seen.
package advice

import "errors"

// On returns the error with a hint.
func On(err error, hint string) error { return &hinted{err, hint} }

// Of returns the hint of the first error in err's chain that has one, of this package or
// any other with a method Hint; "" where none has.
func Of(err error) string {
	h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err)
	if !ok {
		return ""
	}
	return h.Hint()
}

type hinted struct {
	error

	hint string
}

// Hint tells what to do about the error.
func (h *hinted) Hint() string { return h.hint }

func (h *hinted) Unwrap() error { return h.error }

// Package ui is how commands speak: tables, progress and JSON.
//
// Results go to standard output, all else to standard error. Everything here
// writes to the [io.Writer] that it is given; whether that is a terminal is asked
// once, with [IsTerminal], by whoever opened it.
//
// # Limits
//
// A column is as wide as its runes are many: wide letters and combining marks put it out of line.
// A [Progress] is for one goroutine, and two bars on one terminal write over each other.
package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether w shows text to a person on a terminal that can
// redraw a line. TERM=dumb says that it cannot.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// WriteJSON writes v as one line, without escaping <, > and &.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// Exit codes are part of the interface; docs/cli.md lists them.
const (
	exitOK          = 0
	exitFailed      = 1   // the work failed
	exitUsage       = 2   // bad flags or arguments
	exitInvalid     = 3   // a recipe or checkpoint is invalid; nothing was written
	exitDiverged    = 4   // training met NaN or Inf; the last save is good
	exitInterrupted = 130 // Ctrl-C or SIGTERM; what was saved last is complete
)

// exiter is an error that knows its exit code, so that the packages below name
// theirs without importing this one.
type exiter interface {
	error
	ExitCode() int
}

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[exiter](err); ok {
		return e.ExitCode()
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitFailed
}

// printError writes the message, then the hint on a line of its own. With
// LINEARIZE_DEBUG set it adds the stack of an error that carries one, as the
// engine's do.
func printError(w io.Writer, err error) {
	if _, ok := errors.AsType[exiter](err); !ok && errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "linearize: interrupted") // whoever stopped it knows of no context
		return
	}
	fmt.Fprintf(w, "linearize: %v\n", err)
	if hint := advice.Of(err); hint != "" {
		fmt.Fprintf(w, "linearize: hint: %s\n", hint)
	}
	if os.Getenv("LINEARIZE_DEBUG") == "" {
		return
	}
	type verbose interface {
		error
		fmt.Formatter
	}
	if v, ok := errors.AsType[verbose](err); ok {
		fmt.Fprintf(w, "%+v\n", v)
	}
}

// usageError is a wrong command line. Its message may come from cobra.
type usageError struct{ error }

func (*usageError) ExitCode() int { return exitUsage }

func (e *usageError) Unwrap() error { return e.error }

// usagef makes a usage error of a flag's value.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// invalidError is a recipe or checkpoint that a command refuses before it writes.
type invalidError struct{ error }

func (*invalidError) ExitCode() int { return exitInvalid }

func (e *invalidError) Unwrap() error { return e.error }

// invalid marks err, unless nil or already marked, as the fault of the input:
// for errors of packages that do not tell which of theirs are.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[exiter](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return &invalidError{err}
}

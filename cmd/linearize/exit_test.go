package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

type divergedError struct{}

func (divergedError) Error() string { return "stage align: step 7: loss is NaN" }
func (divergedError) ExitCode() int { return exitDiverged }
func (divergedError) Hint() string  { return "lower learning_rate" }

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("disk full"), exitFailed},
		{usagef("--engine is %q, want go or xla", "tpu"), exitUsage},
		{invalid(errors.New("no model.safetensors")), exitInvalid},
		{fmt.Errorf("distill: %w", divergedError{}), exitDiverged},
		{invalid(divergedError{}), exitDiverged}, // what the error itself says stands
		{fmt.Errorf("distill: %w", context.Canceled), exitInterrupted},
		{invalid(context.Canceled), exitInterrupted},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
	if err := invalid(nil); err != nil {
		t.Errorf("invalid(nil) = %v, want nil", err)
	}
}

func TestPrintError(t *testing.T) {
	t.Setenv("LINEARIZE_DEBUG", "")
	var b bytes.Buffer
	printError(&b, fmt.Errorf("distill: %w", divergedError{}))
	want := "linearize: distill: stage align: step 7: loss is NaN\nlinearize: hint: lower learning_rate\n"
	if b.String() != want {
		t.Errorf("printError() wrote\n%s\nwant\n%s", &b, want)
	}
}

func TestPrintErrorInterrupted(t *testing.T) {
	var b bytes.Buffer
	printError(&b, fmt.Errorf("evaluate the teacher: %w", context.Canceled))
	if want := "linearize: interrupted\n"; b.String() != want {
		t.Errorf("printError() wrote %q, want %q", &b, want)
	}
}

// stackError prints more with %+v, as the engine's errors do.
type stackError struct{}

func (stackError) Error() string              { return "shapes differ" }
func (stackError) Format(s fmt.State, _ rune) { fmt.Fprint(s, "shapes differ\nattention.go:12") }

func TestPrintErrorDebug(t *testing.T) {
	t.Setenv("LINEARIZE_DEBUG", "1")
	var b bytes.Buffer
	printError(&b, fmt.Errorf("build graph: %w", stackError{}))
	if !strings.Contains(b.String(), "attention.go:12") {
		t.Errorf("printError() wrote no stack:\n%s", &b)
	}
}

package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// newProgress reports on total units of work: on a terminal as a bar, else as lines.
func newProgress(w io.Writer, label string, total int64) *ui.Progress {
	return ui.NewProgress(w, ui.IsTerminal(w), label, total, time.Now)
}

// writeBytes carries out a plan that writes so many bytes, with a bar on stderr.
func writeBytes(cmd *cobra.Command, total int64, write func(ctx context.Context, told func(done, total int64)) error) error {
	bar := newProgress(cmd.ErrOrStderr(), "write MB", megabytes(total))
	defer bar.Done()
	return write(cmd.Context(), func(done, _ int64) { bar.Set(megabytes(done), "") })
}

// megabytes rounds up, so that there is always something to count.
func megabytes(n int64) int64 { return (n + 1e6 - 1) / 1e6 }

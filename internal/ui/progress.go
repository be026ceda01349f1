package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// linePeriod is how often progress is written where it cannot be redrawn.
const linePeriod = 10 * time.Second

// Progress tells a person how far a piece of work is: as a bar on a terminal, as
// a line every ten seconds in a log. It is for one goroutine.
type Progress struct {
	w     io.Writer
	label string
	total int64
	clock func() time.Time
	bar   *progressbar.ProgressBar // nil where lines are written

	done    int64
	note    string
	started bool
	first   int64     // done at the first Set: a resumed run does not begin at 0
	began   time.Time // when that was
	printed time.Time
}

// NewProgress starts to report on total units of work. Clock is [time.Now],
// except in tests.
func NewProgress(w io.Writer, tty bool, label string, total int64, clock func() time.Time) *Progress {
	p := &Progress{w: w, label: label, total: total, clock: clock, printed: clock()}
	if tty {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(label),
			progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(w) }),
		)
	}
	return p
}

// Set says that done of the total is finished. Note is shown beside it, as
// "loss 1.234, 5678 tokens/s".
func (p *Progress) Set(done int64, note string) {
	now := p.clock()
	p.done, p.note = done, note
	if !p.started {
		p.started, p.first, p.began = true, done, now
	}
	if p.bar != nil {
		p.bar.Describe(p.head())
		_ = p.bar.Set64(done) // a bar that cannot be drawn is no reason to stop the work
		return
	}
	if now.Sub(p.printed) >= linePeriod && done < p.total { // of all of it [Progress.Done] tells
		p.printed = now
		fmt.Fprintf(p.w, "%s: %d/%d%s%s\n", p.label, done, p.total, comma(note), comma(p.eta(now)))
	}
}

// Done ends the report: the bar is left as it stands, or a last line says how
// long the work took.
func (p *Progress) Done() {
	if p.bar != nil {
		if !p.bar.IsFinished() {
			_ = p.bar.Exit()
			fmt.Fprintln(p.w)
		}
		return
	}
	if !p.started {
		return
	}
	fmt.Fprintf(p.w, "%s: %d/%d%s, took %s\n", p.label, p.done, p.total, comma(p.note), round(p.clock().Sub(p.began)))
}

func (p *Progress) head() string {
	if p.note == "" {
		return p.label
	}
	return p.label + " (" + p.note + ")"
}

// eta is measured from the first Set on, which leaves out what is done once,
// such as compiling a graph.
func (p *Progress) eta(now time.Time) string {
	finished := p.done - p.first
	if finished <= 0 || p.done >= p.total {
		return ""
	}
	perUnit := float64(now.Sub(p.began)) / float64(finished)
	left := time.Duration(perUnit * float64(p.total-p.done))
	return left.Round(time.Second).String() + " left"
}

// round leaves a short time what tells it from none.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

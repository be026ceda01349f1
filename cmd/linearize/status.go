package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// watchPeriod is how often --watch looks.
const watchPeriod = time.Second

func newStatusCmd() *cobra.Command {
	var watch, asJSON bool
	cmd := &cobra.Command{
		Use:   "status RUN",
		Short: "Show the progress of a distill run",
		Long: `Show the progress of the run in a folder: stage and step, speed, losses, time left,
the last save and the size on disk. The run may be going on, stopped or finished;
nothing is written.

If the files of the run contradict each other, the exit code is 3.`,
		Args: takes(1, 1),
		Example: `  linearize status runs/stories
  linearize status runs/stories --watch`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && asJSON {
				return usagef("--json is one object, and --watch goes on: want one of them")
			}
			if watch {
				return watchRun(cmd.Context(), cmd.OutOrStdout(), args[0])
			}
			st, err := distill.ReadStatus(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd, st)
			} else {
				err = writeStatus(cmd.OutOrStdout(), st, time.Now())
			}
			if err == nil && st.State == distill.Broken {
				err = invalid(fmt.Errorf("run %s is broken: %s", st.Run, st.Problem))
				if st.Hint != "" {
					err = advice.On(err, st.Hint)
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "look again every second, until the run is finished or Ctrl-C is pressed")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// watchRun shows the status over and over: on a terminal in place, elsewhere when it
// has changed.
func watchRun(ctx context.Context, w io.Writer, dir string) error {
	terminal := ui.IsTerminal(w)
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	var shown string
	for {
		st, err := distill.ReadStatus(dir)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := writeStatus(&b, st, time.Now()); err != nil {
			return err
		}
		text := b.String()
		switch {
		case terminal:
			fmt.Fprint(w, "\x1b[H\x1b[2J"+text) // from the top of an empty screen
		case shown == "":
			fmt.Fprint(w, text)
		case text != shown:
			fmt.Fprint(w, "\n"+text)
		}
		shown = text
		if st.State == distill.Finished {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // Ctrl-C is how a watch ends
		case <-tick.C:
		}
	}
}

// writeStatus is the status in lines of a name and what there is to say. What is not known has
// no line.
func writeStatus(w io.Writer, st *distill.Status, now time.Time) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("run", "%s", st.Run)
	line("state", "%s", stateText(st))
	if st.Problem != "" {
		line("problem", "%s", st.Problem)
	}
	if st.Steps > 0 {
		at := fmt.Sprintf("step %d of %d", st.Step, st.Steps)
		if st.LayersOf > 0 {
			at = fmt.Sprintf("%d of %d layers done, each %d steps", st.Layers, st.LayersOf, st.Steps)
		}
		line("stage", "%s, %s; %d of %d stages are done", st.Stage, at, st.StagesDone, st.Stages)
		if loss := lossText(st); loss != "" {
			line("loss", "%s", loss)
		}
	} else if st.Problem == "" {
		line("stage", "none has begun, of %d", st.Stages)
	}
	if e := st.Student; e != nil {
		line("held out", "%.4f ± %.4f nats per token after %s, step %d", e.Nats, e.StdErr, e.Stage, e.Step)
		if st.Teacher != nil {
			line("teacher", "%.4f, %+.4f to it", st.Teacher.Nats, e.Nats-st.Teacher.Nats)
		}
	}
	if st.RunLeft > 0 {
		line("left", "%s of the stage, %s of the run at this speed", seconds(st.StageLeft), seconds(st.RunLeft))
	}
	if e := cmp.Or(st.Layer, st.Save); e != nil {
		line("save", "%s%s", e.Path, ago(e.Time, now, st.State))
	} else {
		line("save", "none yet")
	}
	line("on disk", "%s", bytesize.Format(st.Bytes))
	_, err := io.WriteString(w, b.String())
	return err
}

// lossText is the loss of the last step, or the parts of the layer that was done last; nothing
// where there was neither.
func lossText(st *distill.Status) string {
	text := fmt.Sprintf("%.4f in training", st.Loss)
	if st.LayersOf > 0 && st.Step == 0 {
		if len(st.Parts) == 0 {
			return ""
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(st.Parts)) {
			parts = append(parts, fmt.Sprintf("%s %.4g", name, st.Parts[name]))
		}
		text = strings.Join(parts, ", ") + " in the last layer done"
	}
	if st.TokensPerSec > 0 {
		text += fmt.Sprintf(", at %.0f tokens/s", st.TokensPerSec)
	}
	return text
}

// stateText is the state in words, with what to do next.
func stateText(st *distill.Status) string {
	switch st.State {
	case distill.Running:
		text := "running"
		if st.PID > 0 {
			text += fmt.Sprintf(", process %d", st.PID)
			if st.Host != "" {
				text += " on " + st.Host
			}
		}
		return text
	case distill.Stopped:
		if st.Save == nil && st.Layer == nil {
			return "stopped before its first save; the same command begins again"
		}
		return "stopped; the same command goes on from the save"
	case distill.Finished:
		return "finished; the model is in final/"
	default:
		return string(st.State)
	}
}

// ago says when something was, of a run in progress.
func ago(at, now time.Time, state distill.State) string {
	switch {
	case at.IsZero():
		return ""
	case state != distill.Running:
		return ", on " + at.Local().Format("2006-01-02 15:04:05")
	default:
		return ", " + now.Sub(at).Round(time.Second).String() + " ago"
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

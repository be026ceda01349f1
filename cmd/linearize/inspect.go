package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newInspectCmd() *cobra.Command {
	var asJSON, values bool
	cmd := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show what a model holds, and what is wrong with it",
		Long: `Read the headers of a model folder and compare them with its config.json. Each way in
which its layers differ from Llama's has a line. Values are read only with
--check-values, which takes as long as reading the files.

If the report lists problems, the exit code is 3.`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := findModel(cmd, args[0])
			if err != nil {
				return err
			}
			report, err := inspect(cmd, dir, values)
			if err != nil {
				return invalid(err)
			}
			if asJSON {
				err = printJSON(cmd, report)
			} else {
				err = writeReport(cmd.OutOrStdout(), report)
			}
			if err != nil {
				return err
			}
			return invalid(report.Err())
		},
	}
	cmd.Flags().BoolVar(&values, "check-values", false, "read all weights, too, and look for NaN and infinities")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func inspect(cmd *cobra.Command, dir string, values bool) (*convert.Report, error) {
	if !values {
		return convert.Inspect(dir)
	}
	stderr := cmd.ErrOrStderr()
	var progress *ui.Progress // once it is known how much there is to read
	report, err := convert.InspectValues(cmd.Context(), dir, func(done, total int64) {
		if progress == nil {
			progress = newProgress(stderr, "read MB", megabytes(total))
		}
		progress.Set(megabytes(done), "")
	})
	if progress != nil {
		progress.Done()
	}
	return report, err
}

func writeReport(w io.Writer, r *convert.Report) error {
	s := r.Sizes
	fmt.Fprintf(w, "%s, model_type %s\n\n", r.Family, r.ModelType)
	fmt.Fprintf(w, "width    %d, MLP %d\n", s.Hidden, s.FFN)
	fmt.Fprintf(w, "heads    %d of %d, %d for keys and values\n", s.Heads, s.HeadDim, s.KVHeads)
	for _, t := range r.Traits {
		fmt.Fprintf(w, "%-8s %s\n", t.Name, t.Text)
	}
	tied := "head of its own"
	if s.Tied {
		tied = "head tied to the embedding"
	}
	fmt.Fprintf(w, "vocab    %d, %s\n", s.Vocab, tied)
	fmt.Fprintf(w, "state    %s per sequence after %d tokens; with softmax everywhere %s\n\n",
		bytesize.Format(r.Memory.State), r.Memory.Context, bytesize.Format(r.Memory.Softmax))

	layers := ui.NewTable("layers", "mixer")
	for _, run := range convert.Runs(r.Layers()) {
		layers.Row(run.String(), run.Mixer.String())
	}
	if err := layers.Write(w); err != nil {
		return err
	}
	if err := writeCounts(w, "group", append(r.Groups, convert.Count{
		Name: "all", Tensors: r.Tensors, Parameters: r.Parameters, Bytes: r.Bytes,
	})); err != nil {
		return err
	}
	if err := writeCounts(w, "dtype", r.DTypes); err != nil {
		return err
	}
	if len(r.Ignored) > 0 {
		_, err := fmt.Fprintf(w, "\nignored tensors: %s\n", strings.Join(r.Ignored, ", "))
		return err
	}
	return nil
}

func writeCounts(w io.Writer, column string, counts []convert.Count) error {
	fmt.Fprintln(w)
	table := ui.NewTable(column, "tensors", "parameters", "bytes")
	for _, c := range counts {
		table.Row(c.Name, strconv.Itoa(c.Tensors), strconv.FormatInt(c.Parameters, 10), bytesize.Format(c.Bytes))
	}
	return table.Write(w)
}

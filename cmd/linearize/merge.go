package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/lora"
)

func newMergeCmd() *cobra.Command {
	var c mergeCmd
	cmd := &cobra.Command{
		Use:   "merge BASE ADAPTER|STUDENT… -o DIR",
		Short: "Put a LoRA adapter, or layers that were trained apart, into a model folder",
		Long: `Add the low-rank corrections of ADAPTER, a folder as PEFT writes it, to the weights
of BASE, the model folder that they were trained on, a student or any teacher. The
output has the layout and the dtypes of BASE; one tensor at a time is in memory.

It prints max|ΔW| of each module, and by how much the logits of a fixed text of 32
tokens differ between BASE with ADAPTER beside its weights and the output: what
merging and rounding cost. That comparison has one layer at a time in memory;
--no-probe skips it. The last line on stdout is the folder.

A folder that linearize distill saved has its adapter merged already.

Given students instead of an adapter, the output is BASE with the layers that each of
them was trained in, as linearize distill --layers leaves them on several machines.
BASE is the student that they all started from: stages/0-convert of any of these runs.
Folders that differ in anything else, or that trained the same layer, are refused.`,
		Example: `  linearize merge llama my-adapter -o merged
  linearize merge org/model my-adapter -o merged --dry-run
  linearize merge low/stages/0-convert low/final high/final -o whole`,
		Args: takes(2, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 || isModel(args[1]) {
				return c.stitch(cmd, args[0], args[1:])
			}
			return c.run(cmd, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.output, "output", "o", "", "folder to write")
	f.StringVar(&c.shards, "max-shard-size", "5GB", "largest weight file")
	f.BoolVar(&c.noProbe, "no-probe", false, "skip the comparison of logits")
	f.BoolVar(&c.dryRun, "dry-run", false, "print the plan and write nothing")
	f.BoolVar(&c.options.Overwrite, "overwrite", false, "replace an output folder that is not empty")
	jsonFlag(cmd, &c.asJSON)
	engineFlag(cmd, &c.engine)
	cobra.CheckErr(cmd.MarkFlagRequired("output"))
	return cmd
}

type mergeCmd struct {
	output, shards, engine  string
	noProbe, dryRun, asJSON bool
	options                 lora.MergeOptions
}

// run merges an adapter, or says what that would do.
func (c *mergeCmd) run(cmd *cobra.Command, base, adapter string) error {
	size, err := shardSize(c.shards)
	if err != nil {
		return err
	}
	c.options.MaxShardSize, c.options.Version = size, buildVersion().Version
	dir, _, err := findModel(cmd, base)
	if err != nil {
		return err
	}
	plan, err := lora.NewMerge(dir, adapter, c.output, c.options)
	if err != nil {
		return invalid(err)
	}
	if !sameModel(base, plan.TrainedOn) {
		fmt.Fprintf(cmd.ErrOrStderr(), "linearize: %s says that it was trained on %s, and BASE is %s\n", adapter, plan.TrainedOn, base)
	}
	if c.dryRun {
		if c.asJSON {
			return printJSON(cmd, mergeReport{Merge: plan})
		}
		return describeMerge(cmd.OutOrStdout(), plan)
	}
	report, err := c.write(cmd, plan)
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(cmd, report)
	}
	return report.print(cmd.OutOrStdout())
}

// sameModel reports whether an adapter may have been trained on BASE: folders move, and
// models of the hub are copied, but keep their names.
func sameModel(base, trainedOn string) bool {
	a, errA := os.Stat(base)
	b, errB := os.Stat(trainedOn)
	if errA == nil && errB == nil {
		return os.SameFile(a, b)
	}
	name := func(path string) string {
		path, _, _ = strings.Cut(path, "@")
		return filepath.Base(path)
	}
	return trainedOn == "" || name(trainedOn) == name(base)
}

// write carries the plan out. What the probe finds wrong with the base is found before
// anything is written.
func (c *mergeCmd) write(cmd *cobra.Command, plan *lora.Merge) (mergeReport, error) {
	report := mergeReport{Merge: plan}
	var beside []float32
	if !c.noProbe {
		low, err := plan.Corrections()
		if err != nil {
			return report, err
		}
		if beside, err = c.logits(plan.Base, low); err != nil {
			return report, err
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "merge %s into %s: %d modules of %d tensors\n", plan.Adapter, plan.Base, len(plan.Modules), plan.Tensors)
	if err := writeBytes(cmd, plan.Bytes, plan.Write); err != nil {
		return report, err
	}
	for _, m := range plan.Modules {
		report.Largest = max(report.Largest, m.LargestChange)
	}
	if c.noProbe {
		return report, nil
	}
	merged, err := c.logits(plan.Output, nil)
	if err != nil {
		return report, fmt.Errorf("%s is written, and cannot be run: %w", plan.Output, err)
	}
	report.Probe = comparePredictions(beside, merged)
	return report, nil
}

// mergeReport is what --json prints.
type mergeReport struct {
	*lora.Merge

	Largest float64     `json:"largest_change"`  // of all modules
	Probe   *mergeProbe `json:"probe,omitempty"` // absent with --no-probe and --dry-run
}

// print is the report in words; its last line is the folder.
func (r mergeReport) print(w io.Writer) error {
	t := ui.NewTable("module", "rank", "scale", "max|ΔW|")
	for _, m := range r.Modules {
		t.Row(m.Module, strconv.Itoa(m.Rank), fmt.Sprintf("%.4g", m.Scale), fmt.Sprintf("%.4g", m.LargestChange))
	}
	t.Row("largest", "", "", fmt.Sprintf("%.4g", r.Largest))
	if err := t.Write(w); err != nil {
		return err
	}
	if p := r.Probe; p != nil {
		fmt.Fprintf(w, "\nlogits of %d tokens differ by at most %.3g between the adapter beside the weights and in them; they go up to %.3g\n\n", p.Tokens, p.Difference, p.Largest)
	}
	_, err := fmt.Fprintln(w, r.Output)
	return err
}

// describeMerge prints what --dry-run shows.
func describeMerge(w io.Writer, p *lora.Merge) error {
	fmt.Fprintf(w, "%s in %s with %s becomes %s\n\n", p.Family, p.Base, p.Adapter, p.Output)
	t := ui.NewTable("module", "rank", "scale", "out", "in", "dtype")
	for _, m := range p.Modules {
		t.Row(m.Module, strconv.Itoa(m.Rank), fmt.Sprintf("%.4g", m.Scale), strconv.Itoa(m.Out), strconv.Itoa(m.In), string(m.DType))
	}
	if err := t.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\ncorrects        %d of %d tensors\nwrites          %s\npeak memory     about %s to write, %s for the probe\n",
		len(p.Modules), p.Tensors, bytesize.Format(p.Bytes), bytesize.Format(p.PeakMemory), bytesize.Format(probeMemory(p.LargestPart)))
	return err
}

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// isModel reports whether a folder holds a model and not an adapter.
func isModel(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "config.json"))
	_, adapter := os.Stat(filepath.Join(dir, "adapter_config.json"))
	return err == nil && adapter != nil
}

// stitch puts the layers of several students into one.
func (c *mergeCmd) stitch(cmd *cobra.Command, base string, parts []string) error {
	for _, dir := range parts {
		if !isModel(dir) {
			return usagef("%s is no student's folder; several folders behind BASE are students with some layers trained each", dir)
		}
	}
	if c.noProbe || cmd.Flags().Changed("engine") {
		return usagef("--no-probe and --engine are for an adapter: stitching runs no model")
	}
	size, err := shardSize(c.shards)
	if err != nil {
		return err
	}
	plan, err := convert.NewStitch(base, parts, c.output, convert.StitchOptions{
		MaxShardSize: size, Overwrite: c.options.Overwrite, Version: buildVersion().Version,
	})
	if err != nil {
		return invalid(err)
	}
	if c.asJSON && c.dryRun {
		return printJSON(cmd, plan)
	}
	if !c.asJSON {
		if err := printStitch(cmd.OutOrStdout(), plan); err != nil || c.dryRun {
			return err
		}
	}
	if err := writeBytes(cmd, plan.Bytes, plan.Write); err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(cmd, plan)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), plan.Output)
	return err
}

func printStitch(w io.Writer, plan *convert.Stitch) error {
	fmt.Fprintf(w, "%s with layers that were trained apart becomes %s\n\n", plan.Base, plan.Output)
	t := ui.NewTable("layers", "tensors", "from")
	for _, p := range plan.Parts {
		t.Row(arch.FormatLayers(p.Layers), strconv.Itoa(p.Tensors), p.Dir)
	}
	return t.Write(w)
}

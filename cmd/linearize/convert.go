package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/seeding"
)

func newConvertCmd() *cobra.Command {
	var c convertCmd
	cmd := &cobra.Command{
		Use:   "convert MODEL --mixer MIXER -o DIR",
		Short: "Make a student folder: new mixers in place of softmax attention, seeded from the teacher",
		Long: `Make a student folder out of a model folder. Every layer that --keep does not name
gets the mixer; everything else is copied bit for bit. New tensors are seeded, not
trained: training is what distill is for.

--keep is none, all, every:N (layers 0, N, 2N, ...), first:N, last:N,
layers:0,4,8, or @FILE, a file that holds one of these or a list of layers.

--layer-mixer LAYERS=MIXER gives some of the converted layers another mixer than
--mixer; LAYERS are numbers and ranges, such as 1,3-5. Each mixer is seeded by its
own default method, unless --seeding names one for all of them.

The folder appears whole or not at all, even if convert is killed. Like cp, convert
does not wait for the disk: run sync before you cut the power.`,
		Example: `  linearize convert llama --mixer mamba2 --keep every:4 -o student
  linearize convert llama --mixer mamba2 --layer-mixer 1,3-5=hedgehog,window=64 -o student
  linearize convert llama --mixer hedgehog,window=64 -o student --dry-run`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.options.Mixer, "mixer", "", "mixer of the converted layers, such as mamba2 or hedgehog,window=64; linearize mixers lists them")
	f.StringArrayVar(&c.layerMixers, "layer-mixer", nil, "another mixer for some of them, such as 1,3-5=hedgehog,window=64; may be repeated")
	f.StringVar(&c.options.Keep, "keep", "none", "which layers stay as they are")
	f.StringVarP(&c.output, "output", "o", "", "folder to write")
	f.StringVar(&c.options.Seeding, "seeding", "", "how new tensors are seeded (default: the mixer's own method)")
	f.Uint64Var(&c.options.Seed, "seed", 0, "seed of everything random")
	f.StringVar(&c.options.DType, "dtype", "", "dtype of the output: f32, f16 or bf16 (default: the model's)")
	f.StringVar(&c.shards, "max-shard-size", "5GB", "largest weight file")
	f.BoolVar(&c.dryRun, "dry-run", false, "print the plan and write nothing")
	f.BoolVar(&c.options.Overwrite, "overwrite", false, "replace an output folder that is not empty")
	jsonFlag(cmd, &c.asJSON)
	for _, name := range []string{"mixer", "output"} {
		cobra.CheckErr(cmd.MarkFlagRequired(name))
	}
	return cmd
}

type convertCmd struct {
	options        convert.Options
	output, shards string
	layerMixers    []string
	dryRun, asJSON bool
}

// run converts a model, or says what that would do.
func (c *convertCmd) run(cmd *cobra.Command, model string) error {
	size, err := shardSize(c.shards)
	if err != nil {
		return err
	}
	o := c.options
	for _, spec := range c.layerMixers {
		x, err := convert.ParseLayerMixer(spec)
		if err != nil {
			return &usageError{err}
		}
		o.LayerMixers = append(o.LayerMixers, x)
	}
	o.MaxShardSize, o.Version = size, buildVersion().Version
	o.NoSync = true // it can be made again
	dir, ref, err := findModel(cmd, model)
	if err != nil {
		return err
	}
	o.Origin = ref.String()
	plan, err := convert.NewPlan(dir, c.output, o)
	if err != nil {
		return planError(err)
	}
	if !c.dryRun {
		if err := writePlan(cmd, plan); err != nil {
			return err
		}
	}
	switch {
	case c.asJSON:
		return printJSON(cmd, plan)
	case c.dryRun:
		return describePlan(cmd.OutOrStdout(), plan)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), plan.Output)
	return err
}

// planError tells a wrong flag from a model or folder that cannot be used.
func planError(err error) error {
	_, mixer := errors.AsType[*arch.MixerError](err)
	_, layers := errors.AsType[*convert.LayerMixerError](err)
	_, keep := errors.AsType[*convert.KeepError](err)
	_, method := errors.AsType[*seeding.MethodError](err)
	_, option := errors.AsType[*convert.OptionError](err)
	if mixer || layers || keep || method || option {
		return &usageError{err}
	}
	return invalid(err)
}

// writePlan carries the plan out and reports on stderr.
func writePlan(cmd *cobra.Command, plan *convert.Plan) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "convert %s: %s\n", plan.Source, plan.Summary())
	return writeBytes(cmd, plan.BytesOut, plan.Write)
}

// describePlan prints what --dry-run shows.
func describePlan(w io.Writer, p *convert.Plan) error {
	fmt.Fprintf(w, "%s in %s becomes %s\n\n", p.Family, p.Source, p.Output)
	layers := ui.NewTable("layers", "mixer", "from")
	for _, run := range convert.Runs(p.Layers) {
		layers.Row(run.String(), run.Mixer.String(), run.Origin())
	}
	if err := layers.Write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	groups := ui.NewTable("group", "from", "tensors", "parameters", "bytes")
	for _, g := range p.Groups() {
		groups.Row(g.Name, g.Origin, strconv.Itoa(g.Tensors), strconv.FormatInt(g.Parameters, 10), bytesize.Format(g.Bytes))
	}
	groups.Row("all", "", strconv.Itoa(len(p.Tensors)), strconv.FormatInt(p.Parameters, 10), bytesize.Format(p.BytesOut))
	if err := groups.Write(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nnew parameters  %d\n", p.NewParameters)
	fmt.Fprintf(w, "reads           %s\n", bytesize.Format(p.BytesIn))
	fmt.Fprintf(w, "writes          %s\n", bytesize.Format(p.BytesOut))
	fmt.Fprintf(w, "peak memory     about %s\n", bytesize.Format(p.PeakMemory))
	if n := len(p.Dropped); n > 0 {
		fmt.Fprintf(w, "drops           %d tensors that have no place in the student; --json lists them\n", n)
	}
	_, err := fmt.Fprintf(w, "state           %s per sequence after %d tokens; with softmax everywhere %s\n",
		bytesize.Format(p.Memory.State), p.Memory.Context, bytesize.Format(p.Memory.Softmax))
	return err
}

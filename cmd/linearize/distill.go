package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func newDistillCmd() *cobra.Command {
	var c distillCmd
	cmd := &cobra.Command{
		Use:   "distill RECIPE",
		Short: "Convert a teacher and train the student, stage by stage",
		Long: `Convert a teacher and train the student, stage by stage, as a recipe says.

The run folder keeps everything: a complete model folder for each save,
metrics.jsonl, and the state from which the same command continues after a
Ctrl-C or a crash. The last line on stdout is the folder of the final model.`,
		Args: takes(1, 1),
		Example: `  linearize distill stories.yaml
  linearize distill stories.yaml --set stages[2].steps=600 -o runs/longer
  linearize distill stories.yaml --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&c.options.Run, "output", "o", "", "run folder (default: the recipe's output_dir)")
	setFlag(cmd, &c.sets)
	f.StringVar(&c.layers, "layers", "", "align only these layers, such as 3-7 or 1,4; every stage must have execution: layerwise")
	f.BoolVar(&c.options.Resume, "resume", false, "fail if there is no save to continue from")
	f.BoolVar(&c.options.Overwrite, "overwrite", false, "start over in a run folder that holds a run")
	f.BoolVar(&c.dryRun, "dry-run", false, "print what would be done and do nothing")
	f.BoolVar(&c.asJSON, "json", false, "with --dry-run: print the plan as one JSON object")
	engineFlag(cmd, &c.options.Engine)
	f.IntVar(&c.options.Devices, "devices", 1, "share each batch among `N` devices of the engine")
	return cmd
}

type distillCmd struct {
	options        distill.Options
	sets           []string
	layers         string
	dryRun, asJSON bool
}

// run plans the recipe, and carries the plan out or prints it.
func (c *distillCmd) run(cmd *cobra.Command, recipe string) error {
	if c.options.Devices < 1 {
		return usagef("--devices %d: want 1 or more", c.options.Devices)
	}
	if c.asJSON && !c.dryRun {
		return usagef("--json is for --dry-run")
	}
	if c.options.Resume && c.options.Overwrite {
		return usagef("--resume goes on with a run, and --overwrite starts over: want one of them")
	}
	if cmd.Flags().Changed("layers") { // an empty one would train them all
		if _, err := arch.ParseLayers(c.layers); err != nil {
			return usagef("--layers: %w", err)
		}
	}
	plan, err := c.plan(cmd, recipe)
	if err != nil {
		return err
	}
	total, _ := machineMemory()
	if line := plan.TooLarge(total); line != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line)
	}
	switch {
	case c.asJSON:
		return printJSON(cmd, plan)
	case c.dryRun:
		return plan.Print(cmd.OutOrStdout())
	}
	env := distillEnv(cmd)
	defer holdHeap(plan.PeakMemory().Heap, env.Notice)()
	final, err := plan.Run(cmd.Context(), env)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), final)
	return err
}

// plan reads the recipe, finds its teacher, which may be on the hub, and plans the run.
func (c *distillCmd) plan(cmd *cobra.Command, recipe string) (*distill.Plan, error) {
	r, err := recipes.Load(recipe, c.sets...)
	if err != nil {
		return nil, invalid(err)
	}
	if c.layers != "" {
		if err := r.Restrict(c.layers); err != nil {
			return nil, invalid(err)
		}
	}
	dir, ref, err := findTeacher(cmd, r)
	if err != nil {
		return nil, err
	}
	o := c.options
	o.Teacher, o.Origin, o.Version = dir, ref.String(), buildVersion().Version
	plan, err := distill.NewPlan(r, o)
	if err != nil {
		return nil, invalid(err)
	}
	return plan, nil
}

// distillEnv gives a run the command's writers: tables on stdout, progress on stderr.
func distillEnv(cmd *cobra.Command) distill.Env {
	return distill.Env{
		Out: cmd.OutOrStdout(), Clock: time.Now,
		Notice:   func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line) },
		Progress: func(label string, total int64) distill.Progress { return newProgress(cmd.ErrOrStderr(), label, total) },
	}
}

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func newDistillCmd() *cobra.Command {
	var o distill.Options
	var sets []string
	var engineName, layers string
	var dryRun, asJSON bool
	var devices int
	cmd := &cobra.Command{
		Use:   "distill RECIPE",
		Short: "Convert a teacher and train the student, stage by stage",
		Long: `Convert a teacher and train the student, stage by stage, as a recipe says.

The run folder keeps everything: a complete model folder for each save,
metrics.jsonl, and the state from which the same command goes on after a
Ctrl-C or a crash. The last line on stdout is the folder of the final model.`,
		Args: usage(cobra.ExactArgs(1)),
		Example: `  linearize distill stories.yaml
  linearize distill stories.yaml --set stages[2].steps=600 -o runs/longer
  linearize distill stories.yaml --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if devices < 1 {
				return usagef("--devices %d: want 1 or more", devices)
			}
			if asJSON && !dryRun {
				return usagef("--json is for --dry-run")
			}
			r, err := recipes.Load(args[0], sets...)
			if err != nil {
				return invalid(err)
			}
			if layers != "" {
				if err := r.Restrict(layers); err != nil {
					return invalid(err)
				}
			}
			dir, ref, err := findModel(cmd, r.Paths().Teacher)
			if err != nil {
				return err
			}
			o.Teacher, o.Origin = dir, ref.String()
			o.Version, o.Engine = buildVersion().Version, engineName
			plan, err := distill.NewPlan(r, o)
			if err != nil {
				return invalid(err)
			}
			total, _ := machineMemory()
			if line := plan.TooLarge(total); line != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line)
			}
			if dryRun {
				if asJSON {
					return printJSON(cmd, plan)
				}
				return plan.Print(cmd.OutOrStdout())
			}
			env := distillEnv(cmd, engineName)
			defer holdHeap(plan.PeakMemory().Heap, env.Notice)()
			env.Devices = devices
			final, err := plan.Run(cmd.Context(), env)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), final)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Run, "output", "o", "", "run folder (default: the recipe's output_dir)")
	setFlag(cmd, &sets)
	f.StringVar(&layers, "layers", "", "align these layers alone, as 3-7 or 1,4; for stages of execution: layerwise")
	f.BoolVar(&o.Resume, "resume", false, "fail when there is no save to go on from")
	f.BoolVar(&o.Overwrite, "overwrite", false, "start over in a run folder that holds a run")
	f.BoolVar(&dryRun, "dry-run", false, "print what would be done and do nothing")
	f.BoolVar(&asJSON, "json", false, "with --dry-run: print the plan as one JSON object")
	engineFlag(cmd, &engineName)
	f.IntVar(&devices, "devices", 1, "share each batch among `N` devices of the engine")
	return cmd
}

// distillEnv gives a run the command's writers: tables on stdout, progress on stderr.
func distillEnv(cmd *cobra.Command, engineName string) distill.Env {
	return distill.Env{
		Engine: engineName, Out: cmd.OutOrStdout(), Clock: time.Now,
		Notice:   func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line) },
		Progress: progressOn(cmd.ErrOrStderr()),
	}
}

func progressOn(w io.Writer) func(label string, total int64) distill.Progress {
	return func(label string, total int64) distill.Progress {
		return ui.NewProgress(w, ui.IsTerminal(w), label, total, time.Now)
	}
}

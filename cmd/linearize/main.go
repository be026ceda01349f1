// Command linearize turns pretrained Transformers into models of linear cost.
//
// Each command is one file of this package, named after it. docs/cli.md lists
// them with their flags, exit codes and JSON, and is checked against them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	if notice := simdNotice(runtime.GOARCH, builtWithSIMD); notice != "" {
		fmt.Fprint(os.Stderr, notice)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: the tests of commands and docs call it.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first Ctrl-C, or what a scheduler sends before it kills, asks the command to save
	// and return. Giving the signals back at that moment lets a second one end the process.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(stderr, err)
	}
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "linearize",
		Short:         "Turn pretrained Transformers into models of linear cost",
		Args:          usage(cobra.NoArgs), // so that an unknown command is a usage error too
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
		// cobra checks these later anyway, with errors that are not marked.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return checkFlags(cmd) },
	}
	offlineFlag(root)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newConvertCmd(),
		newDataCmd(),
		newDemoCmd(),
		newDistillCmd(),
		newDoctorCmd(),
		newEvalCmd(),
		newFamiliesCmd(),
		newGenerateCmd(),
		newHubCmd(),
		newInspectCmd(),
		newLogitsCmd(),
		newMergeCmd(),
		newMixersCmd(),
		newRecipesCmd(),
		newStatusCmd(),
		newTokenizeCmd(),
		newValidateCmd(),
		newVersionCmd(),
	)
	return root
}

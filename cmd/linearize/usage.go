package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/typo"
)

// usage marks the errors of an argument check as usage errors, and shows what the
// command takes.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{advice.On(err, howToCall(cmd, args))}
		}
		return nil
	}
}

// anyNumber is the most that [takes] takes where there is no bound.
const anyNumber = -1

// takes checks how many arguments there are.
func takes(least, most int) cobra.PositionalArgs {
	return usage(func(_ *cobra.Command, args []string) error {
		want := fmt.Sprintf("%d to %d", least, most)
		switch {
		case len(args) >= least && (len(args) <= most || most == anyNumber):
			return nil
		case least == most:
			want = strconv.Itoa(least)
		case most == anyNumber:
			want = fmt.Sprintf("%d or more", least)
		case least == 0:
			want = fmt.Sprintf("at most %d", most)
		}
		return fmt.Errorf("got %s, want %s", plural(len(args), "argument"), want)
	})
}

// checkFlags refuses a call without a flag that the command has to have.
func checkFlags(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[cobra.BashCompOneRequiredFlag] != nil && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	var err error
	switch len(missing) {
	case 0:
		return nil
	case 1:
		err = fmt.Errorf("%s is missing", missing[0])
	default:
		err = fmt.Errorf("%s are missing", strings.Join(missing, " and "))
	}
	return &usageError{advice.On(err, howToCall(cmd, nil))}
}

// howToCall is the hint of a command that was called with wrong arguments, or by a
// wrong name: the arguments of one that has commands below it.
func howToCall(cmd *cobra.Command, args []string) string {
	if !cmd.HasAvailableSubCommands() {
		return fmt.Sprintf("%s; `%s --help` says more", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	if len(args) > 0 {
		if near := typo.Nearest(args[0], names); near != "" {
			return fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), near)
		}
	}
	return fmt.Sprintf("`%s --help` lists the commands", cmd.CommandPath())
}

// flagValues words the types of flags whose errors would name functions of Go.
var flagValues = map[string]string{
	"int": "a whole number", "uint": "a whole number, 0 or more", "uint64": "a whole number, 0 or more",
	"float64": "a number", "bool": "true or false", "duration": "a time, as 5s or 1m30s",
}

// flagError is what a wrong flag, or a wrong value of one, is answered with.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); len(words) > 0 && cmd.HasAvailableSubCommands() { // the flag is that of a command which is none
		return usage(cobra.NoArgs)(cmd, words)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if want, ok := flagValues[e.GetFlag().Value.Type()]; ok {
			return usagef("--%s is %q, want %s", e.GetFlag().Name, e.GetValue(), want)
		}
	}
	hint := fmt.Sprintf("`%s --help` lists the flags", cmd.CommandPath())
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := typo.Nearest(e.GetSpecifiedName(), names); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return &usageError{advice.On(err, hint)}
}

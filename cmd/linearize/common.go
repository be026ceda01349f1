package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// jsonFlag adds --json to a command.
func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print one JSON object on stdout and nothing else")
}

// printJSON writes what --json asks for.
func printJSON(cmd *cobra.Command, v any) error { return ui.WriteJSON(cmd.OutOrStdout(), v) }

// engineWords are what --engine takes.
const engineWords = "go, xla, xla:cpu, xla:cuda, xla:/path/of/plugin.so, or auto: xla where a plugin is found"

// engineFlag adds --engine to a command; open it with [engine.Open]. A word that
// names no engine is a usage error, before any work.
func engineFlag(cmd *cobra.Command, spec *string) {
	*spec = engine.Auto
	cmd.Flags().Var((*engineSpec)(spec), "engine", "`engine` that computes: "+engineWords)
}

type engineSpec string

func (e *engineSpec) String() string { return string(*e) }
func (e *engineSpec) Type() string   { return "engine" }

func (e *engineSpec) Set(s string) error {
	if !engine.Known(s) {
		return errors.New("want " + engineWords)
	}
	*e = engineSpec(s)
	return nil
}

// shardSize reads --max-shard-size.
func shardSize(text string) (int64, error) {
	size, err := bytesize.Parse(text)
	if err != nil || size == 0 {
		return 0, usagef("--max-shard-size is %q, want a size as 5GB or 500MB", text)
	}
	return size, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

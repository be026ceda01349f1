package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// jsonFlag adds --json to a command.
func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print one JSON object on stdout and nothing else")
}

// printJSON writes what --json asks for.
func printJSON(cmd *cobra.Command, v any) error { return ui.WriteJSON(cmd.OutOrStdout(), v) }

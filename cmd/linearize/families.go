package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

func newFamiliesCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "families",
		Short: "List the teacher architectures that can be converted",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return printJSON(cmd, familiesJSON())
			}
			for _, name := range arch.Families() {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// familyEntry is an object, so that what else is worth knowing can be added.
type familyEntry struct {
	Architecture string `json:"architecture"` // the first entry of config.json's "architectures"
}

func familiesJSON() any {
	var out struct {
		Families []familyEntry `json:"families"`
	}
	for _, name := range arch.Families() {
		out.Families = append(out.Families, familyEntry{name})
	}
	return out
}

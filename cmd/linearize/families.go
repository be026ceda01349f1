package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newFamiliesCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "families [NAME]",
		Short: "List the teacher architectures that can be converted",
		Long: `List the teacher architectures that can be converted, with well-known models of each
and how their layers differ from Llama's; or show one, by its architecture or
model_type. For one that is not supported, say what it is and which supported one is
nearest.`,
		Example: `  linearize families
  linearize families qwen3`,
		Args: takes(0, 1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return arch.Families(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list := describeFamilies()
			if len(args) > 0 {
				list.Families = slices.DeleteFunc(list.Families, func(f familyEntry) bool {
					return f.Architecture != args[0] && f.ModelType != args[0]
				})
				if len(list.Families) == 0 {
					return &usageError{arch.Unsupported(args[0])}
				}
			}
			if asJSON {
				return printJSON(cmd, list)
			}
			return writeFamilies(cmd.OutOrStdout(), list.Families)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

type familyList struct {
	Families []familyEntry `json:"families"`
}

type familyEntry struct {
	Architecture string   `json:"architecture"` // the first entry of config.json's "architectures"
	ModelType    string   `json:"model_type"`
	Models       string   `json:"models"`     // that people know it by
	Always       []string `json:"always"`     // what its layers have
	ByConfig     []string `json:"by_config"`  // what they have where the config says so
	RopeTypes    []string `json:"rope_types"` // rope_type words that are read
}

func describeFamilies() familyList {
	var list familyList
	for _, name := range arch.Families() {
		entry := familyEntry{Architecture: name, RopeTypes: arch.RopeTypes(name)}
		entry.ModelType, entry.Models = arch.AboutFamily(name)
		entry.Always, entry.ByConfig = arch.Features(name)
		list.Families = append(list.Families, entry)
	}
	return list
}

// familyColumn is how wide the last column may be, so that the table fits 100.
const familyColumn = 50

func writeFamilies(w io.Writer, families []familyEntry) error {
	table := ui.NewTable("architecture", "model_type", "models; what their layers have")
	var ropeTypes []string
	for _, f := range families {
		lines := wrap(f.Models, familyColumn)
		lines = append(lines, wrap(strings.Join(f.Always, ", "), familyColumn)...)
		if len(f.ByConfig) > 0 {
			lines = append(lines, wrap("by config: "+strings.Join(f.ByConfig, ", "), familyColumn)...)
		}
		table.Row(f.Architecture, f.ModelType, lines[0])
		for _, line := range lines[1:] {
			table.Row("", "", line)
		}
		if len(f.RopeTypes) > len(ropeTypes) {
			ropeTypes = f.RopeTypes
		}
	}
	if err := table.Write(w); err != nil {
		return err
	}
	if len(ropeTypes) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nrope_type, where positions are not learned: %s\n", strings.Join(ropeTypes, ", "))
	return err
}

// wrap breaks a text between words into lines of at most so many letters.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/hub"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newHubCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Models of the Hugging Face hub on this machine",
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHubLsCmd())
	return cmd
}

func newHubLsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the models in Hugging Face's cache",
		Long: `List the models in Hugging Face's cache: those that commands find by org/name
without a network. A snapshot that lacks files is completed when a command needs it.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := hubList{Cache: hub.FromEnv(os.Getenv).Cache}
			var err error
			if list.Models, err = hub.List(list.Cache); err != nil {
				return fmt.Errorf("list %s: %w", list.Cache, err)
			}
			if asJSON {
				return printJSON(cmd, list)
			}
			t := ui.NewTable("model", "revisions", "commit", "bytes", "missing")
			for _, m := range list.Models {
				t.Row(m.Repo, strings.Join(m.Revisions, ", "), m.Commit[:12], bytesize.Format(m.Bytes), strings.Join(m.Missing, ", "))
			}
			return t.Write(cmd.OutOrStdout())
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// hubList is a contract with scripts: docs/cli.md.
type hubList struct {
	Cache  string       `json:"cache"`
	Models []hub.Cached `json:"models"`
}

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

func newVersionCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print what this binary was built from",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := buildVersion()
			if asJSON {
				return printJSON(cmd, v)
			}
			return v.write(cmd)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

type versionInfo struct {
	Version  string   `json:"version"`            // of the module; (devel) in a checkout without tags
	Revision string   `json:"revision,omitempty"` // VCS commit; empty when the build did not record it
	Modified bool     `json:"modified,omitempty"` // the tree had changes that were not committed
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	SIMD     bool     `json:"simd"`
	Engines  []string `json:"engines"` // compiled in; doctor says which are usable
}

func buildVersion() versionInfo {
	v := versionInfo{
		Version:  "(unknown)",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		SIMD:     builtWithSIMD,
		Engines:  engine.Names(),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v versionInfo) write(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "linearize %s\n", v.Version)
	if v.Revision != "" {
		note := ""
		if v.Modified {
			note = " (modified)"
		}
		fmt.Fprintf(out, "revision  %s%s\n", v.Revision, note)
	}
	_, err := fmt.Fprintf(out, "go        %s %s\nsimd      %s\nengines   %s\n",
		v.Go, v.Platform, yesNo(v.SIMD), strings.Join(v.Engines, " "))
	return err
}

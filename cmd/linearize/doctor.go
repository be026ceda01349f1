package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Report what this machine offers: engines, plugins, processors, memory",
		Long: `Report what this machine offers: engines, plugins, processors, memory. Every engine
of this binary is opened once, so that "usable" means that it was. The report is
meant to be pasted into an issue.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := examine()
			if asJSON {
				return printJSON(cmd, r)
			}
			return r.write(cmd.OutOrStdout())
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

type doctorReport struct {
	Version   versionInfo    `json:"version"`
	CPUs      int            `json:"cpus"`         // that Go will use
	Vector    []string       `json:"vector_units"` // of the processor, whether the build uses them or not
	Memory    int64          `json:"memory_bytes"` // 0: not known
	Available int64          `json:"memory_available_bytes"`
	Engines   []engineReport `json:"engines"`
	Plugins   pluginReport   `json:"plugins"`
}

type engineReport struct {
	Name        string `json:"name"`
	Usable      bool   `json:"usable"`
	Description string `json:"description,omitempty"` // by the engine itself
	Devices     int    `json:"devices,omitempty"`
	Problem     string `json:"problem,omitempty"`
	Hint        string `json:"hint,omitempty"`
}

type pluginReport struct {
	Path  string   `json:"search_path"` // PJRT_PLUGIN_LIBRARY_PATH, or where the engine looks without it
	Set   bool     `json:"search_path_set"`
	Found []string `json:"found"` // in the folders that the search path names
}

func examine() doctorReport {
	r := doctorReport{
		Version: buildVersion(),
		CPUs:    runtime.GOMAXPROCS(0),
		Vector:  vectorUnits(),
		Plugins: findPlugins(),
	}
	r.Memory, r.Available = machineMemory()
	for _, name := range engine.Names() {
		r.Engines = append(r.Engines, examineEngine(name))
	}
	return r
}

func examineEngine(name string) engineReport {
	b, err := engine.Open(name)
	if err != nil {
		r := engineReport{Name: name, Problem: err.Error()}
		if h, ok := errors.AsType[hinter](err); ok {
			r.Hint = h.Hint()
		}
		return r
	}
	defer b.Finalize()
	return engineReport{Name: name, Usable: true, Description: b.Description(), Devices: b.NumDevices()}
}

// pluginPathEnv is go-xla's: a list of folders; with it, no other is searched.
const pluginPathEnv = "PJRT_PLUGIN_LIBRARY_PATH"

func findPlugins() pluginReport {
	path, set := os.LookupEnv(pluginPathEnv)
	if !set {
		own := "~/.local/lib/go-xla"
		if runtime.GOOS == "darwin" {
			own = "~/Library/Application Support/go-xla"
		}
		path = strings.Join([]string{own, "/usr/local/lib/go-xla"}, string(os.PathListSeparator))
	}
	r := pluginReport{Path: path, Set: set, Found: []string{}}
	home, _ := os.UserHomeDir() // without a home, ~ matches nothing
	for _, dir := range filepath.SplitList(path) {
		if rest, ok := strings.CutPrefix(dir, "~/"); ok {
			dir = filepath.Join(home, rest)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "pjrt_c_api_*_plugin.*")) // the pattern is good
		r.Found = append(r.Found, found...)
	}
	return r
}

func (r doctorReport) write(w io.Writer) error {
	line := func(key, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", key, fmt.Sprintf(format, args...))
	}
	line("linearize", "%s", strings.TrimSpace(r.Version.Version+" "+r.Version.Revision))
	line("go", "%s %s", r.Version.Go, r.Version.Platform)
	line("simd", "built in: %s; processor: %s", yesNo(r.Version.SIMD), cmp.Or(strings.Join(r.Vector, " "), "none known"))
	line("cpus", "%d", r.CPUs)
	memory := "not known"
	if r.Memory > 0 {
		memory = ui.FormatBytes(r.Memory) + ", " + ui.FormatBytes(r.Available) + " available"
	}
	line("memory", "%s", memory)
	for _, e := range r.Engines {
		if e.Usable {
			line("engine "+e.Name, "usable: %s, %s", e.Description, plural(e.Devices, "device"))
			continue
		}
		line("engine "+e.Name, "not usable: %s", e.Problem)
		if e.Hint != "" {
			line("", "hint: %s", e.Hint)
		}
	}
	how := pluginPathEnv
	if !r.Plugins.Set {
		how = pluginPathEnv + " is not set; then also the system's library folders"
	}
	line("plugins", "looked for in %s (%s)", r.Plugins.Path, how)
	for _, f := range r.Plugins.Found {
		line("", "found %s", f)
	}
	if len(r.Plugins.Found) == 0 {
		line("", "found none there")
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

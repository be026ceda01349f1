package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/hub"
)

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	var bench time.Duration
	var install string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Report what this machine offers: engines, plugins, processors, memory",
		Long: `Report what this machine offers: engines, plugins, processors, memory. Every engine
of this binary is opened and measured, on products of 1024×1024 fp32 matrices and on
training steps of the demo's model. The report is meant to be pasted into an issue.
An engine whose plugin is there but does not work is a failure.

--install xla fetches the XLA plugin that suits this machine into the cache folder,
with go-xla's installer; --install xla:cpu or xla:cuda fetches that one. Nothing is
fetched without this flag.`,
		Args: usage(cobra.NoArgs),
		Example: `  linearize doctor
  linearize doctor --install xla
  linearize doctor --bench 0 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bench < 0 {
				return usagef("--bench is %s, want a time to measure for, or 0 for no measurement", bench)
			}
			if install != "" {
				if asJSON {
					return usagef("--json is for the report, which --install does not print")
				}
				return installPlugin(cmd, install)
			}
			r := examine(isOffline(cmd))
			if bench > 0 {
				if err := r.measure(cmd, bench); err != nil {
					return err
				}
			}
			if asJSON {
				return errors.Join(printJSON(cmd, r), r.broken())
			}
			r.write(cmd.OutOrStdout())
			return r.broken()
		},
	}
	f := cmd.Flags()
	f.StringVar(&install, "install", "", "fetch the plugin of `engine`: xla, xla:cpu or xla:cuda")
	f.DurationVar(&bench, "bench", 5*time.Second, "time to measure each engine for; 0: do not measure")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// doctorReport is what --json prints.
type doctorReport struct {
	Version   versionInfo    `json:"version"`
	CPUs      int            `json:"cpus"`         // that Go will use
	Vector    []string       `json:"vector_units"` // of the processor, whether the build uses them or not
	Memory    int64          `json:"memory_bytes"` // 0: not known
	Available int64          `json:"memory_available_bytes"`
	Offline   bool           `json:"offline"`
	Caches    cacheReport    `json:"caches"`
	Auto      string         `json:"auto"` // what --engine auto stands for
	AutoWhy   string         `json:"auto_why"`
	Engines   []engineReport `json:"engines"`
	Plugins   pluginReport   `json:"plugins"`
}

type cacheReport struct {
	Hub    string `json:"hub"`
	Tokens string `json:"tokens"`
	XLA    string `json:"xla"`
}

type engineReport struct {
	Name        string `json:"name"`
	Usable      bool   `json:"usable"`
	Description string `json:"description,omitempty"` // by the engine itself
	Devices     int    `json:"devices,omitempty"`
	Plugin      string `json:"plugin,omitempty"`
	Missing     bool   `json:"missing,omitempty"` // there is no plugin, which is no fault
	Problem     string `json:"problem,omitempty"`
	Hint        string `json:"hint,omitempty"`

	Matmul float64 `json:"matmul_gflops,omitempty"`
	Step   float64 `json:"step_tokens_per_second,omitempty"`
}

type pluginReport struct {
	Path  string          `json:"search_path"` // PJRT_PLUGIN_LIBRARY_PATH, or where the engine looks without it
	Set   bool            `json:"search_path_set"`
	Found []engine.Plugin `json:"found"` // in the folders that the search path names
}

// examine asks the machine, and opens every engine.
func examine(offline bool) doctorReport {
	dirs, set := engine.Folders()
	r := doctorReport{
		Version: buildVersion(),
		CPUs:    runtime.GOMAXPROCS(0),
		Vector:  vectorUnits(),
		Offline: offline,
		Caches:  cacheReport{Hub: hub.FromEnv(os.Getenv).Cache, Tokens: data.CacheDir(), XLA: engine.CacheDir()},
		Plugins: pluginReport{strings.Join(dirs, string(os.PathListSeparator)), set, engine.Plugins()},
	}
	r.Memory, r.Available = machineMemory()
	r.Auto, r.AutoWhy = engine.Choose(engine.Auto)
	names := engine.Names()
	if i := slices.Index(names, "xla"); i >= 0 && len(r.Plugins.Found) > 0 {
		names = slices.Delete(names, i, i+1)
		for _, p := range r.Plugins.Found {
			names = append(names, "xla:"+p.Name)
		}
	}
	for _, name := range names {
		r.Engines = append(r.Engines, r.examineEngine(name))
	}
	return r
}

// examineEngine opens an engine. That the machine has no plugin is no fault; one that does not
// work is.
func (r *doctorReport) examineEngine(name string) engineReport {
	e := engineReport{Name: name, Missing: name == "xla"}
	for _, p := range r.Plugins.Found {
		if name == "xla:"+p.Name {
			e.Plugin = p.Path
		}
	}
	b, err := engine.Open(name)
	if err != nil {
		e.Problem, e.Hint = err.Error(), advice.Of(err)
		return e
	}
	defer engine.Close(b)
	e.Usable, e.Missing, e.Description, e.Devices = true, false, describeEngine(b.Description(), e.Plugin), b.NumDevices()
	return e
}

// brokenError reports engines that ought to work.
type brokenError struct{ engines []string }

func (e *brokenError) Error() string {
	return fmt.Sprintf("not usable: %s, see above", strings.Join(e.engines, ", "))
}

// broken is an error where an engine ought to work and does not.
func (r *doctorReport) broken() error {
	var names []string
	for _, e := range r.Engines {
		if !e.Usable && !e.Missing {
			names = append(names, "engine "+e.Name)
		}
	}
	if names == nil {
		return nil
	}
	return &brokenError{names}
}

// installPlugin fetches a plugin, says what came, and opens it.
func installPlugin(cmd *cobra.Command, spec string) error {
	name, plugin, _ := strings.Cut(spec, ":")
	if name != "xla" || plugin != "" && plugin != "cpu" && plugin != "cuda" {
		return usagef("--install %s: want xla, xla:cpu or xla:cuda", spec)
	}
	if isOffline(cmd) {
		return usagef("--install %s: it downloads, and --offline or HF_HUB_OFFLINE forbids that", spec)
	}
	p, err := engine.Install(cmd.Context(), plugin)
	if err != nil {
		return fmt.Errorf("install %s: %w", spec, err)
	}
	sum, size, err := checksum(p.Path)
	if err != nil {
		return fmt.Errorf("install %s: %w", spec, err)
	}
	b, err := engine.Open("xla:" + p.Path)
	if err != nil {
		return fmt.Errorf("install %s: %w", spec, err)
	}
	defer engine.Close(b)
	version := p.Version
	if version == "" {
		version = "of no version in its name"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "plugin   xla:%s %s\npath     %s\nsize     %d bytes\nsha256   %s\nusable   %s, %s\n",
		p.Name, version, p.Path, size, sum, describeEngine(b.Description(), p.Path), plural(b.NumDevices(), "device"))
	return err
}

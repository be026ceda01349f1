// Package engine opens the machinery that graphs run on. It is the one place
// that knows engines by name; graph code never asks which one it has.
//
//	go         GoMLX's pure Go backend: always compiled in, no cgo
//	xla        OpenXLA through a PJRT plugin: xla, xla:cpu, xla:cuda, or
//	           xla:/absolute/path/of/a/plugin.so; compiled in where cgo is
//	auto       xla where a plugin is found, else go; see [Choose]
//
// [Plugins] looks for plugins, [Install] fetches one.
//
// # Limits
//
// Nothing is downloaded but by [Install]: a missing plugin is an error that says where
// plugins were looked for.
package engine

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

const (
	// Default is the engine that is always there.
	Default = "go"
	// Auto leaves the choice to [Choose].
	Auto = "auto"
)

// goConfig runs one operation at a time, in the order in which the graph was
// built: each operation is parallel inside, rematerialization keeps its memory
// bound, and equal graphs give equal bits.
const goConfig = "ops_sequential,creation_order"

// Names lists the engines compiled into this binary.
func Names() []string {
	if newXLA == nil {
		return []string{"go"}
	}
	return []string{"go", "xla"}
}

// Open returns a backend for "auto", "go", "xla", "xla:cpu", "xla:cuda" or
// "xla:/path/of/plugin.so". The caller ends its use with [Close].
func Open(spec string) (compute.Backend, error) {
	chosen, _ := Choose(spec)
	name, plugin, _ := strings.Cut(chosen, ":")
	switch {
	case !Known(chosen):
		return nil, &Error{spec, "there is no such engine", "choose from auto, go, xla, xla:cpu, xla:cuda"}
	case chosen == "go":
		guardHeap()
		b, err := gobackend.New(goConfig)
		if err != nil {
			return nil, fmt.Errorf("engine go: %w", err)
		}
		return b, nil
	case name == "xla" && newXLA == nil:
		return nil, notBuilt(spec)
	}
	return openXLA(spec, plugin)
}

// openXLA loads a plugin by its path, so that go-xla does not search: it loads every
// file with a plugin's name, and dereferences nil where one is none.
func openXLA(spec, plugin string) (b compute.Backend, err error) {
	path := plugin
	if !filepath.IsAbs(plugin) {
		p, ok := find(plugin)
		if !ok {
			dirs, _ := Folders()
			return nil, &Error{spec, "no plugin found in " + strings.Join(dirs, ", "), missingHint}
		}
		path = p.Path
	}
	hint := brokenHint
	if spec == Auto {
		hint += ", or use --engine go"
	}
	// A library that is cut short can be a SIGBUS in the loader, so look at the file first.
	if err := checkLibrary(path); err != nil {
		return nil, &Error{spec, fmt.Sprintf("the plugin %s does not load: %v", path, err), hint}
	}
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, &Error{spec, fmt.Sprintf("the plugin %s does not load: %v", path, r), hint}
		}
	}()
	b, err = client(path)
	if err != nil {
		return nil, &Error{spec, fmt.Sprintf("the plugin %s does not load: %s", path, firstLine(err)), hint}
	}
	return b, nil
}

func notBuilt(spec string) *Error {
	return &Error{spec, "this binary was built without it", "build with cgo (CGO_ENABLED=1 and a C compiler) and without the tag noxla, or use --engine go"}
}

const (
	missingHint = "run `linearize doctor --install xla`, set " + PluginPathEnv + " to the folder of pjrt_c_api_<name>_plugin.so, or give its absolute path as xla:/path/of/plugin.so"
	brokenHint  = "install it again with `linearize doctor --install xla`, or set " + PluginPathEnv + " to the folder of another"
)

// Error reports an engine that cannot be had.
type Error struct{ Spec, Problem, hint string }

func (e *Error) Error() string { return fmt.Sprintf("engine %q: %s", e.Spec, e.Problem) }

// Hint says what would help.
func (e *Error) Hint() string { return e.hint }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

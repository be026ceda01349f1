// Package engine opens the machinery that graphs run on. It is the one place
// that knows engines by name; graph code never asks which one it has.
//
//	go         GoMLX's pure Go backend: always compiled in, no cgo
//	xla        OpenXLA through a PJRT plugin: xla, xla:cpu, xla:cuda, or
//	           xla:/absolute/path/of/a/plugin.so; compiled in where cgo is
//
// # Limits
//
// Nothing is downloaded here: a missing plugin is an error that says where
// plugins were looked for.
package engine

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// Default is the engine that is always there.
const Default = "go"

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

// Open returns a new backend for "go", "xla", "xla:cpu", "xla:cuda" or
// "xla:/path/of/plugin.so". The caller finalizes it.
func Open(spec string) (compute.Backend, error) {
	name, plugin, _ := strings.Cut(spec, ":")
	switch {
	case spec == "go":
		guardHeap()
		b, err := gobackend.New(goConfig)
		if err != nil {
			return nil, fmt.Errorf("engine go: %w", err)
		}
		return b, nil
	case name == "xla" && newXLA == nil:
		return nil, &Error{spec, "this binary was built without it", "build with cgo and a C compiler, without the tag noxla"}
	case name == "xla":
		return openXLA(spec, plugin)
	}
	return nil, &Error{spec, "there is no such engine", "choose from go, xla, xla:cpu, xla:cuda"}
}

// openXLA turns a panic of the plugin loader into an error: go-xla dereferences
// nil when a file of the plugin's name cannot be loaded.
func openXLA(spec, plugin string) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, &Error{spec, fmt.Sprintf("the plugin cannot be loaded: %v", r), pluginHint}
		}
	}()
	b, err = newXLA(plugin)
	if err != nil {
		return nil, &Error{spec, firstLine(err), pluginHint}
	}
	return b, nil
}

const pluginHint = "set PJRT_PLUGIN_LIBRARY_PATH to the folder of pjrt_c_api_<name>_plugin.so, or give its absolute path as xla:/path/of/plugin.so"

// Error reports an engine that cannot be had.
type Error struct{ Spec, Problem, hint string }

func (e *Error) Error() string { return fmt.Sprintf("engine %q: %s", e.Spec, e.Problem) }

// Hint says what would help.
func (e *Error) Hint() string { return e.hint }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

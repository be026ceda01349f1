package engine_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/rusage"
)

// A client of XLA outlives what used it, see clients.go.
func TestCloseXLA(t *testing.T) {
	if !strings.HasPrefix(enginetest.Name(), "xla") {
		t.Skip("the engine of this test run is " + enginetest.Name())
	}
	first, err := engine.Open(enginetest.Name())
	if err != nil {
		t.Fatal(err)
	}
	engine.Close(first)
	again, err := engine.Open(enginetest.Name())
	if err != nil || again != first || first.IsFinalized() {
		t.Errorf("Open() after Close() = %v, %v, want the same, not finalized", again, err)
	}
}

// The engine that is always there computes; the heap guard costs address space, not memory.
func TestGo(t *testing.T) {
	b, err := engine.Open(engine.Default)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		engine.Close(b)
		if !b.IsFinalized() {
			t.Error("a closed backend is not finalized")
		}
	}()
	exec := graph.MustNewExec(b, func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Square(x)) })
	defer exec.Finalize()
	out, err := exec.Call1([]float32{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Value(); got != float32(14) {
		t.Errorf("1+4+9 = %v", got)
	}
	peak, err := rusage.Peak(os.Getpid())
	if err != nil {
		t.Skipf("this system does not say how much memory a process has: %v", err)
	}
	if peak > 1e9 {
		t.Errorf("%d bytes were resident, want less than a gigabyte", peak)
	}
}

func TestRefusals(t *testing.T) {
	for spec, want := range map[string]string{
		"tpu":     "there is no such engine",
		"go:fast": "there is no such engine",
		"xla:":    "there is no such engine",
		"":        "there is no such engine",
	} {
		_, err := engine.Open(spec)
		if e, ok := errors.AsType[*engine.Error](err); !ok || !strings.Contains(e.Error(), want) || e.Hint() == "" {
			t.Errorf("Open(%q) = %v, want an *Error with %q and a hint", spec, err, want)
		}
	}
}

// A plugin that is not there is an error that says where it was looked for: nothing is downloaded.
func TestNoPlugin(t *testing.T) {
	if !slices.Contains(engine.Names(), "xla") {
		t.Skip("this binary has no engine xla")
	}
	dir := t.TempDir()
	t.Setenv(engine.PluginPathEnv, dir)
	for spec, want := range map[string]string{
		"xla":                                   "no plugin found in " + dir,
		"xla:quantum":                           "no plugin found in " + dir,
		"xla:/nowhere/pjrt_c_api_cpu_plugin.so": "no such file",
	} {
		_, err := engine.Open(spec)
		e, ok := errors.AsType[*engine.Error](err)
		if !ok || !strings.Contains(e.Error(), want) || !strings.Contains(e.Hint(), engine.PluginPathEnv) {
			t.Errorf("Open(%q) = %v, want an *Error with %q and a hint", spec, err, want)
		}
	}
}

package distill_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine"
)

// A run says what auto came to, goes on where it began, and tells of a change of engine.
func TestEngineOfARun(t *testing.T) {
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	t.Setenv(engine.PluginPathEnv, t.TempDir())
	on := func(engine string, stopAfter int) string {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out strings.Builder
		env := distill.Env{Out: &out, Clock: time.Now, Notice: func(line string) { out.WriteString(line + "\n") }}
		stops := stopAfter > 0
		if stops {
			env.Progress = func(string, int64) distill.Progress { return interrupter{&stopAfter, cancel} }
		}
		o.Engine = engine
		_, err := plan(t, dir, o).Run(ctx, env)
		if (err != nil) != stops {
			t.Fatalf("Run() = %v", err)
		}
		return out.String()
	}
	holds(t, on("auto", 1), "; engine go (auto: no XLA plugin found)\n")
	record := filepath.Join(o.Run, "linearize.json")
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, string(data), `"engine": "go"`)
	holds(t, on("auto", 1), "; engine go (auto: no XLA plugin found)\n")

	// A machine that lacks the engine that the run began with.
	write(t, record, strings.Replace(string(data), `"engine": "go"`, `"engine": "xla:gone"`, 1))
	out := on("auto", 1)
	holds(t, out, "not on engine xla:gone, where run "+o.Run+" began: ")
	holds(t, out, "was on engine xla:gone and goes on on go: it will not end with the weights, bit for bit")
	if data, err = os.ReadFile(record); err != nil {
		t.Fatal(err)
	}
	holds(t, string(data), `"engine": "go"`)
	if out := on("go", 0); strings.Contains(out, "goes on on") {
		t.Errorf("a run that is on its engine tells of another:\n%s", out)
	}
}

func holds(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("want %q in\n%s", part, text)
	}
}

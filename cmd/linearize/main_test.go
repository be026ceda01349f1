package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"linearize": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// sharedData is where real inputs lie beside a checkout, if they do.
const sharedData = "../../../shared/data"

// Scripts find a random Llama of 4 layers in $MODEL, another one with a NaN in $NAN,
// the golden checkpoints of all families in $FAMILIES, all to read only, and the real
// inputs in $SHARED; those that need these begin with
//
//	[!shared] skip 'real data is not beside this checkout'
//
// Where a run of the tests is on XLA, --engine auto finds it.
func TestScript(t *testing.T) {
	shared, err := filepath.Abs(sharedData)
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(shared)
	hasShared := err == nil
	model := testmodel.Llama(t, testmodel.Options{Layers: 4})
	nan := withNaN(t, model)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			env.Setenv("MODEL", model)
			env.Setenv("HF_HUB_OFFLINE", "1") // a name without a folder would be asked for
			env.Setenv("NAN", nan)
			env.Setenv("FAMILIES", filepath.Dir(testdata.Family(t, "llama3")))
			for _, pair := range enginetest.Environment() {
				env.Setenv(pair[0], pair[1])
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "shared":
				return hasShared, nil
			case "xla":
				return slices.Contains(engine.Names(), "xla"), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// withNaN copies a model and makes an element of its final norm NaN.
func withNaN(t *testing.T, model string) string {
	t.Helper()
	folder, err := checkpoints.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	out := checkpoints.Output{Config: folder.Config()}
	for _, name := range folder.Names() {
		tensor, err := folder.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		source := tensor.Source()
		if name == "model.norm.weight" {
			values := make([]float32, tensor.Elements())
			values[3] = float32(math.NaN())
			source = checkpoints.FromFloat32(name, tensor.Shape, values, checkpoints.F32)
		}
		out.Tensors = append(out.Tensors, source)
	}
	dir := filepath.Join(t.TempDir(), "nan")
	if err := checkpoints.Write(dir, out); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSIMDNotice(t *testing.T) {
	for _, tt := range []struct {
		goarch string
		simd   bool
		want   bool
	}{
		{"amd64", false, true},
		{"amd64", true, false},
		{"arm64", false, false}, // the engine has no vector kernels there to miss
	} {
		if got := simdNotice(tt.goarch, tt.simd) != ""; got != tt.want {
			t.Errorf("simdNotice(%s, %v) says something: %v, want %v", tt.goarch, tt.simd, got, tt.want)
		}
	}
}

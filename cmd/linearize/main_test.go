package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"linearize": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// sharedData is where real inputs lie beside a checkout, if they do.
const sharedData = "../../../shared/data"

// Scripts find a random Llama of 4 layers in $MODEL, to read only, and the real
// inputs in $SHARED; those that need them begin with
//
//	[!shared] skip 'real data is not beside this checkout'
func TestScript(t *testing.T) {
	shared, err := filepath.Abs(sharedData)
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(shared)
	hasShared := err == nil
	model := testmodel.Llama(t, testmodel.Options{Layers: 4})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			env.Setenv("MODEL", model)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "shared" {
				return hasShared, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
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

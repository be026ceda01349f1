package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test binary be the process that takes steps.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-one" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-models", "stories260k", "-layers", "1", "-tokens", "64", "-rounds", "2"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"align step of stories260K: 1 layers", "kl step of stories260K", "\n| go | "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", out.String(), want)
		}
	}
}

// TestSteps: a step lowers the loss, and one is taken for each line.
func TestSteps(t *testing.T) {
	shape, err := shapeOf("stories260k")
	if err != nil {
		t.Fatal(err)
	}
	shape.Layers = 1
	for _, step := range []string{alignStep, klStep} {
		c := task{Contestant: "go", Model: shape, Step: step, Tokens: 64, Batch: 1, Weights: t.TempDir() + "/model.safetensors"}
		if err := c.write(); err != nil {
			t.Fatal(err)
		}
		spec, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := serve(string(spec), strings.NewReader("step\nstep\nmatmul\n"), &out); err != nil {
			t.Fatal(err)
		}
		d, steps := json.NewDecoder(&out), [3]stepped{}
		for i := range steps {
			if err := d.Decode(&steps[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !(steps[2].Loss < steps[1].Loss && steps[1].Loss < steps[0].Loss) || steps[0].Norm <= 0 {
			t.Errorf("%s: got %+v, want falling losses", step, steps)
		}
		var r rate
		if err := d.Decode(&r); err != nil || r.FLOPs <= 0 {
			t.Errorf("%s: got %+v of matmul (%v)", step, r, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, args := range [][]string{{"-models", "gpt"}, {"-steps", "run"}, {"-models", "stories260k", "-engine", "warp"}} {
		if err := run(args, nil, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

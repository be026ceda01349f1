package recipes_test

import (
	"strings"
	"testing"
)

// What says nothing new does not make another recipe, and layers of a share do.
func TestLayerwiseKeys(t *testing.T) {
	fingerprint := func(sets ...string) string {
		f, err := parse(t, sets...).Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	plain, layerwise := fingerprint(), fingerprint("stages[0].execution=layerwise")
	if fingerprint("stages[0].execution=joint") != plain {
		t.Error("execution: joint makes another recipe")
	}
	if layerwise == plain || fingerprint("stages[0].execution=layerwise", "stages[0].cache_dtype=f32") != layerwise {
		t.Error("execution: layerwise is joint, or cache_dtype: f32 makes another recipe")
	}
	for _, set := range []string{"stages[0].cache_dtype=bf16", "stages[0].layers=1"} {
		if fingerprint("stages[0].execution=layerwise", set) == layerwise {
			t.Errorf("%s makes no other recipe", set)
		}
	}
}

func TestRestrict(t *testing.T) {
	r := parse(t)
	if err := r.Restrict("3-7"); err == nil || !strings.Contains(err.Error(), "is not of execution: layerwise, so that it cannot train layers 3-7 alone") {
		t.Errorf("Restrict() of joint stages = %v", err)
	}
	r.Stages = r.Stages[:1]
	r.Stages[0].Execution = "layerwise"
	if err := r.Restrict("3-"); err == nil || !strings.Contains(err.Error(), `got "3-", want the number of a layer`) {
		t.Errorf("Restrict(3-) = %v", err)
	}
	if err := r.Restrict("3-7"); err != nil || r.Stages[0].Layers != "3-7" {
		t.Errorf("Restrict(3-7) = %v, layers %q", err, r.Stages[0].Layers)
	}
}

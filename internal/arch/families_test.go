package arch_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestClassDefaults describes configs that say sizes only. What they leave out is what
// the class in transformers has for it, as the whole config beside them says it.
func TestClassDefaults(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "defaults.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Sizes, Config json.RawMessage }
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, row := range rows {
		got, err := arch.Describe(row.Sizes)
		if err != nil {
			t.Errorf("sizes only: %v", err)
			continue
		}
		covered[got.Family] = true
		want, err := arch.Describe(row.Config)
		if err != nil {
			t.Errorf("whole config: %v", err)
			continue
		}
		same(t, got.Family+" of sizes only", got, want)
	}
	for _, architecture := range arch.Families() {
		if !covered[architecture] {
			t.Errorf("testdata/defaults.json has no %s", architecture)
		}
	}
}

// TestSpellings describes each golden checkpoint by its config in the keys of
// transformers 4, which leaves out what is a class default, and in those of 5.
func TestSpellings(t *testing.T) {
	for _, name := range testdata.Families(t) {
		dir := testdata.Family(t, name)
		same(t, name+" as transformers 4 spells it", describe(t, filepath.Join(dir, "config.v4.json")), describe(t, filepath.Join(dir, "config.json")))
	}
}

func describe(t *testing.T, path string) *arch.Model {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config, err := checkpoints.ParseConfig(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	m, err := arch.Describe(config.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m
}

// same compares all that Describe made of two configs.
func same(t *testing.T, what string, got, want *arch.Model) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

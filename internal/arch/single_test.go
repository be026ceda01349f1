package arch_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// Layer i alone has the layer's tensors, under names of layer 0, and its switches.
func TestSingle(t *testing.T) {
	for _, family := range testdata.Families(t) {
		config, err := os.ReadFile(filepath.Join(testdata.Family(t, family), "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := arch.Describe(config)
		if err != nil {
			continue // is refused, which other tests see to
		}
		for i := range m.Layers {
			one, want := m.Single(i), m.LayerWeights(i)
			got := one.LayerWeights(0)
			if len(got) != len(want) {
				t.Fatalf("%s, layer %d: got %d tensors, want %d", family, i, len(got), len(want))
			}
			for k := range want {
				name := strings.Replace(want[k].Name, "."+strconv.Itoa(i)+".", ".0.", 1)
				if got[k].Name != name || !slices.Equal(got[k].Shape, want[k].Shape) || got[k].Parts != nil {
					t.Errorf("%s, layer %d: got %v, want %s %v", family, i, got[k], name, want[k].Shape)
				}
			}
			if one.Converted(0) != m.Converted(i) || !one.At(0).Rope.Equal(m.At(i).Rope) || one.At(0).Scale(0) != m.At(i).Scale(i) {
				t.Errorf("%s, layer %d: alone it is another", family, i)
			}
			if !one.Same(m.Single(i)) {
				t.Errorf("%s: layer %d is not the same as itself", family, i)
			}
		}
	}
}

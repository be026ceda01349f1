package arch_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Configs of the sizes, switches and spelling of models that people have, written down
// from memory and not copied, and how many parameters the classes of transformers 5.23.0
// have with them, tied ones once.
func TestPublishedModels(t *testing.T) {
	text, err := os.ReadFile("testdata/published.json")
	if err != nil {
		t.Fatal(err)
	}
	var models []struct {
		Model      string
		Parameters int
		Config     json.RawMessage
	}
	if err := json.Unmarshal(text, &models); err != nil {
		t.Fatal(err)
	}
	for _, x := range models {
		t.Run(x.Model, func(t *testing.T) {
			m, err := arch.Describe(x.Config)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, w := range m.Weights() {
				n := 1
				for _, size := range w.Shape {
					n *= size
				}
				got += n
			}
			if got != x.Parameters {
				t.Errorf("%d parameters, want %d", got, x.Parameters)
			}
		})
	}
}

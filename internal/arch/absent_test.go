package arch_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestAbsent spells out what a config leaves to its class: that changes nothing of the
// model, and afterwards nothing is left to spell out.
func TestAbsent(t *testing.T) {
	for _, name := range testdata.Families(t) {
		for _, spelling := range []string{"config.json", "config.v4.json"} {
			data, err := os.ReadFile(filepath.Join(testdata.Family(t, name), spelling))
			if err != nil {
				t.Fatal(err)
			}
			c, err := checkpoints.ParseConfig(data) // Python's numbers are not all JSON's
			if err != nil {
				t.Fatal(err)
			}
			text := c.Bytes()
			absent, full := complete(t, text)
			want, err := arch.Describe(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := arch.Describe(full)
			if err != nil || !got.Same(want) {
				t.Errorf("%s/%s: with %v it is another model: %v", name, spelling, absent, err)
			}
			if again, _ := complete(t, full); len(again) > 0 {
				t.Errorf("%s/%s: with %v there, %v is still absent", name, spelling, absent, again)
			}
		}
	}
}

// complete adds to a config what is absent from it.
func complete(t *testing.T, text []byte) (absent map[string]any, full []byte) {
	t.Helper()
	absent, err := arch.Absent(text)
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	maps.Copy(c, absent)
	if full, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	return absent, full
}

// A key that the class does not read is none that is there.
func TestAbsentIgnores(t *testing.T) {
	for _, tt := range []struct {
		architecture string
		there        object
		want         string // among the absent ones
	}{
		{"Gemma2ForCausalLM", object{"hidden_act": "silu"}, "hidden_activation"},
		{"Gemma2ForCausalLM", object{"hidden_act": "silu", "hidden_activation": "silu"}, ""},
		{"GraniteMoeHybridForCausalLM", object{"intermediate_size": 8, "num_local_experts": 0, "mamba_n_heads": 8}, "shared_intermediate_size"},
	} {
		absent, err := arch.Absent(family(t, tt.architecture, tt.there))
		if err != nil {
			t.Fatal(err)
		}
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(absent)), func(key string) bool {
			return key != "hidden_activation" && key != "shared_intermediate_size"
		})
		want := []string{tt.want}
		if tt.want == "" {
			want = []string{}
		}
		if diff := cmp.Diff(want, append([]string{}, keys...)); diff != "" {
			t.Errorf("%s with %v lacks (-want +got):\n%s", tt.architecture, tt.there, diff)
		}
	}
}

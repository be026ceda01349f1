package recipes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/recipes"
)

func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name     string
		was, now []string
		want     []string
	}{
		{"nothing", nil, []string{"defaults.weight_decay=0", "output_dir=x", "metrics=[csv]", "keep={last: 1}"}, nil},
		{"values", nil, []string{"seed=3", "stages[1].steps=40", "stages[0].betas=[0.9, 0.95]", "data.train[0].path=b.txt"}, []string{
			"seed: was 0, is 3",
			`data.train[0].path: was "a.txt", is "b.txt"`,
			"stages[0].betas: was [0.9, 0.999], is [0.9, 0.95]",
			"stages[1].steps: was 20, is 40",
		}},
		{"keys", []string{"data.packing=documents"}, []string{"stages[1].learning_rates={new: 0.5}"}, []string{
			`data.packing: was "documents", is not there`,
			"stages[1].learning_rates.new: was not there, is 0.5",
		}},
		{"a stage more", nil, []string{`stages=[{name: one, kind: align, train: new, steps: 10, learning_rate: 1e-2}]`}, []string{
			`stages[1]: was "two", is not there`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changes, err := recipes.Diff(parse(t, tt.was...), parse(t, tt.now...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

package distill

import (
	"strings"
	"testing"
)

// A state that says impossible things is a damaged one.
func TestStateRefuses(t *testing.T) {
	for name, at := range map[string]place{
		"stage":         {Stage: -1},
		"step":          {Step: -1},
		"tail":          {Tail: -1},
		"lengths":       {Lengths: []int{4, -2}},
		"metrics_bytes": {MetricsBytes: -1},
	} {
		dir := runFolder(t)
		if err := writeState(dir, at, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := openState(dir); err == nil || !strings.Contains(err.Error(), "a number is negative") {
			t.Errorf("%s: openState() = %v, want an error", name, err)
		}
		if st, err := ReadStatus(dir); err != nil || st.State != Broken {
			t.Errorf("%s: ReadStatus() = %+v, %v, want it broken", name, st, err)
		}
	}
}

package distill_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
)

// A layerwise stage in progress and the last one, done or not, may be given more steps, and
// more again while it makes those: the bits and the record are those of a run that had them
// from the start.
func TestLayerwiseMoreSteps(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, byLayer)
	fixed := append([]string{"defaults.schedule=constant", "stages[1].save_every=1", "stages[1].clip_norm=0.5"}, layerwise...)
	with := func(steps int) []string { return append([]string{fmt.Sprintf("stages[1].steps=%d", steps)}, fixed...) }
	whole := filepath.Join(dir, "whole")
	want, _, err := run(t, plan(t, dir, distill.Options{Run: whole}, with(7)...), 0)
	if err != nil {
		t.Fatal(err)
	}
	// Reports of progress until the stop of runs with 4, 6 and 7 steps; 0: none. A stage of n
	// steps has 2n of the teacher and n of the first layer, then 4n and n of the last.
	for name, stops := range map[string][3]int{
		"in the first stage":           {2, 23 + 14, 0},
		"in the teacher":               {25 + 3, 2, 14 + 2},
		"in the first layer":           {25 + 8 + 2, 12 + 3, 14 + 2},
		"in the last layer":            {25 + 8 + 4 + 16 + 2, 12 + 2 + 24 + 3, 14 + 1 + 28 + 1},
		"finished":                     {0, 0, 0},
		"finished, then in the middle": {0, 4 + 1, 6 + 2 + 12 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := distill.Options{Run: filepath.Join(t.TempDir(), "run")}
			for i, stopAfter := range stops {
				_, _, err := run(t, plan(t, dir, o, with([]int{4, 6, 7}[i])...), stopAfter)
				if _, ok := errors.AsType[*distill.InterruptedError](err); ok != (stopAfter > 0) || err != nil && !ok {
					t.Fatalf("%d: Run() = %v", i, err)
				}
			}
			final, _, err := run(t, plan(t, dir, o, with(7)...), 0)
			if err != nil {
				t.Fatal(err)
			}
			sameBits(t, weights(t, final), weights(t, want))
			a, b := steps(t, o.Run), steps(t, whole)
			for i := range a {
				a[i].Time, b[i].Time = time.Time{}, time.Time{}
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if got := changed(t, plan(t, dir, o, with(6)...)); !cmp.Equal(got, []string{"stages[1].steps: was 7, is 6"}) {
				t.Errorf("changes are %q", got)
			}
		})
	}
	got := changed(t, plan(t, dir, distill.Options{Run: whole}, append(with(7), "stages[0].steps=6")...))
	if diff := cmp.Diff([]string{"stages[0].steps: was 5, is 6, and the stage is done: the next one began with what it made"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// A schedule that depends on the length follows the new one after the steps of the old one,
// in all layers, whenever the steps were added.
func TestLayerwiseMoreStepsOfASchedule(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, byLayer)
	longer := append([]string{"stages[1].steps=6", "stages[1].window_dropout=[0.9, 0.1]"}, layerwise...)
	var finals [2]string
	for i, stopAfter := range []int{0, 40} {
		o := distill.Options{Run: filepath.Join(dir, strconv.Itoa(stopAfter))}
		if _, _, err := run(t, plan(t, dir, o, append(longer, "stages[1].steps=4")...), stopAfter); (err != nil) != (stopAfter > 0) {
			t.Fatal(err)
		}
		var out string
		var err error
		finals[i], out, err = run(t, plan(t, dir, o, longer...), 0)
		if want := "stage 2-align has 6 steps instead of 4; its cosine schedule and window_dropout will go by the new length after step 4\n"; err != nil || !strings.Contains(out, want) {
			t.Errorf("Run() = %v, said %q, want %q", err, out, want)
		}
	}
	sameBits(t, weights(t, finals[1]), weights(t, finals[0]))
}

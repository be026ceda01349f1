package distill_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/distill"
)

// Pictures are there after an evaluation when time has passed, at the end in any case,
// and not at all where nobody wants them.
func TestPictures(t *testing.T) {
	dir := workshop(t, pair)
	for name, tt := range map[string]struct {
		tick    time.Duration // between two looks at the clock
		stop    int           // reports of progress until the stop; 0: none
		without bool
		want    bool
	}{
		"slow run, stopped":  {time.Second, 5, false, true},
		"quick run, stopped": {time.Microsecond, 5, false, false},
		"quick run":          {time.Microsecond, 0, false, true},
		"none":               {time.Second, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := plan(t, dir, distill.Options{Run: filepath.Join(t.TempDir(), "run")})
			now := time.Unix(1, 0)
			env := distill.Env{
				Out: io.Discard, NoPlots: tt.without,
				Clock:    func() time.Time { now = now.Add(tt.tick); return now },
				Progress: func(string, int64) distill.Progress { return interrupter{&tt.stop, cancel} },
			}
			if _, err := p.Run(ctx, env); (err != nil) != (ctx.Err() != nil) {
				t.Fatal(err)
			}
			for _, picture := range []string{"loss.png", "loss.svg"} {
				if _, err := os.Stat(filepath.Join(p.Dir, "plots", picture)); (err == nil) != tt.want {
					t.Errorf("plots/%s: %v, want it there: %v", picture, err, tt.want)
				}
			}
		})
	}
}

package distill_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/hidden"
)

// A layerwise run that was stopped at every report of progress, of the teacher's
// blocks as of the steps, and saved or not, ends with the bits of one that never was.
func TestLayerwiseResume(t *testing.T) {
	if enginetest.Name() != "go" {
		t.Skip("equal bits are promised for engine go only")
	}
	dir := workshop(t, byLayer)
	whole := filepath.Join(dir, "whole")
	sets := append([]string{"stages[0].save_every=2"}, layerwise...)
	want, _, err := run(t, plan(t, dir, distill.Options{Run: whole}, sets...), 0)
	if err != nil {
		t.Fatal(err)
	}
	stuttering := filepath.Join(dir, "stuttering")
	stops := 0
	var got string
	for ; stops < 100; stops++ {
		got, _, err = run(t, plan(t, dir, distill.Options{Run: stuttering, Resume: stops > 0}, sets...), stops%13+1)
		if _, ok := errors.AsType[*distill.InterruptedError](err); !ok {
			break
		}
		if stops%5 == 4 { // as of a crash that took what was not flushed
			spoil(t, stuttering)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if stops < 10 {
		t.Errorf("was stopped %d times only", stops)
	}
	sameBits(t, weights(t, got), weights(t, want))
	a, b := losses(t, stuttering), losses(t, whole)
	for i := range b {
		a[i].Time, b[i].Time = time.Time{}, time.Time{}
		if fmt.Sprint(a[i]) != fmt.Sprint(b[i]) {
			t.Errorf("event %d:\n got %+v\nwant %+v", i, a[i], b[i])
		}
	}
}

// spoil damages the caches of a run.
func spoil(t *testing.T, run string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(run, "cache", "*", "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 {
			data[len(data)/2] ^= 0x40
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The file of a layer that is damaged is told of, with what helps: without it the layer
// is trained again, to the same bits.
func TestLayerwiseDamaged(t *testing.T) {
	dir := workshop(t, byLayer)
	want, _, err := run(t, plan(t, dir, distill.Options{Run: filepath.Join(dir, "whole")}, layerwise...), 0)
	if err != nil {
		t.Fatal(err)
	}
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err = run(t, plan(t, dir, o, layerwise...), 14); err == nil { // in the second layer
		t.Fatal("the run was not interrupted")
	}
	layer := filepath.Join(o.Run, "layers", "1-mimic", "layer-0000.safetensors")
	if err := os.Truncate(layer, 1000); err != nil {
		t.Fatal(err)
	}
	_, _, err = run(t, plan(t, dir, o, layerwise...), 0)
	if err == nil || !strings.Contains(err.Error(), layer) || !strings.HasPrefix(advice.Of(err), "remove the file") {
		t.Fatalf("Run() = %v, with the hint %q", err, advice.Of(err))
	}
	if err := os.Remove(layer); err != nil {
		t.Fatal(err)
	}
	got, _, err := run(t, plan(t, dir, o, layerwise...), 0)
	if err != nil {
		t.Fatal(err)
	}
	if enginetest.Name() == "go" {
		sameBits(t, weights(t, got), weights(t, want))
	}
}

// A cache of half the size rounds what the layers see, and little else. Epochs see
// the same windows again.
func TestLayerwiseCache(t *testing.T) {
	dir := workshop(t, byLayer)
	sets := append([]string{"stages[0].steps=150", "stages[1].steps=1"}, layerwise...)
	var curves [2][]distill.Event
	for i, dtype := range []string{"f32", "bf16"} {
		p := plan(t, dir, distill.Options{Run: filepath.Join(dir, dtype)}, append(sets, "stages[0].cache_dtype="+dtype)...)
		if want := int64([]int{4, 2}[i] * 300 * 12 * (2*32 + 32)); p.Stages[0].CacheBytes != want {
			t.Errorf("%s: the plan has a cache of %d bytes, want %d", dtype, p.Stages[0].CacheBytes, want)
		}
		_, out, err := run(t, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, "hidden states of 144 windows, "+dtype) { // an epoch
			t.Errorf("%s: told of the cache:\n%s", dtype, out)
		}
		curves[i] = steps(t, filepath.Join(dir, dtype))[:150]
	}
	near(t, curves[1], curves[0], 0.02)
}

// What does not fit on the disk is refused before anything is computed.
func TestLayerwiseSpace(t *testing.T) {
	dir := workshop(t, byLayer)
	p := plan(t, dir, distill.Options{Run: filepath.Join(dir, "run")}, layerwise...)
	var out bytes.Buffer
	env := distill.Env{Out: &out, Clock: time.Now, Free: func(string) int64 { return 46000 }}
	_, err := p.Run(t.Context(), env)
	space, ok := errors.AsType[*hidden.SpaceError](err)
	if !ok || space.Want != 10*12*(32+32+32)*4 || space.Hint() == "" || !strings.HasSuffix(err.Error(), "takes 46.1 kB, and the disk has 46 kB free") {
		t.Fatalf("Run() = %v, want a *SpaceError", err)
	}
	env.Free = func(string) int64 { return 64000 } // which is enough for the first stage
	_, err = p.Run(t.Context(), env)
	if space, ok = errors.AsType[*hidden.SpaceError](err); !ok || filepath.Base(space.Dir) != "2-align" {
		t.Errorf("Run() with room for one stage = %v", err)
	}
	env.Free = func(string) int64 { return 1 << 20 }
	if _, err := p.Run(t.Context(), env); err != nil {
		t.Errorf("Run() with more room = %v", err)
	}
}

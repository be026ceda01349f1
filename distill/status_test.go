package distill

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// runFolder is what a run of two stages leaves before its first save.
func runFolder(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		recipeName: "seed: 1\n",
		provenanceName: `{"plan": {"stages": [
			{"name": "a", "dir": "stages/1-a", "steps": 10, "tokens": 1000},
			{"name": "b", "dir": "stages/2-b", "steps": 20, "tokens": 4000}]}}`,
		metricsName: strings.Join(lines, "\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func line(t *testing.T, e Event) string {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is left is reckoned from the speed while a process is at work; a line that it
// is writing is none.
func TestStatusRunning(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 12, 0, s, 0, time.UTC) }
	dir := runFolder(t,
		line(t, Event{Event: "eval", Model: "teacher", Stage: converted, Time: at(0), Nats: 1}),
		line(t, Event{Event: "step", Stage: "1-a", Step: 1, Time: at(1), Loss: 3}),
		line(t, Event{Event: "step", Stage: "1-a", Step: 4, Time: at(2), Loss: 2, TokensPerSec: 50}),
		`{"event":"step","sta`)
	release, err := fsx.Hold(dir)
	if err != nil {
		t.Skipf("folders cannot be held here: %v", err)
	}
	defer release()
	if err := os.WriteFile(filepath.Join(dir, pidName), []byte("12 there\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ReadStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	got.Teacher, got.Bytes = nil, 0
	want := &Status{
		Run: dir, State: Running, PID: 12, Host: "there", Stage: "1-a", Stages: 2, Step: 4, Steps: 10,
		Loss: 2, TokensPerSec: 50, Updated: at(2), StageLeft: 12, RunLeft: 12 + 80,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// A stage that goes layer by layer has steps only once all layers are done; until then there
// are the parts of the last one, and the newest file is what a run goes on from.
func TestStatusLayers(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 12, 0, s, 0, time.UTC) }
	lines := []string{
		line(t, Event{Event: "step", Stage: "1-a", Step: 10, Time: at(1), Loss: 3}),
		line(t, Event{Event: "layer", Stage: "2-b", Step: 20, Time: at(2), Parts: map[string]float64{"mse_0": 2}, TokensPerSec: 50}),
		line(t, Event{Event: "layer", Stage: "2-b", Step: 20, Time: at(3), Parts: map[string]float64{"mse_2": 1}, TokensPerSec: 60}), "",
	}
	plan := &Plan{Stages: []Stage{{}, {}}}
	plan.Stages[0].Name, plan.Stages[0].Dir, plan.Stages[0].Steps = "a", "stages/1-a", 10
	plan.Stages[1] = Stage{Aligned: []int{0, 2, 3}, Dir: "stages/2-b"}
	plan.Stages[1].Name, plan.Stages[1].Steps = "b", 20
	read := func(lines []string) *Status {
		dir := runFolder(t, lines...)
		layers := filepath.Join(dir, layersName, "2-b")
		if err := os.MkdirAll(layers, 0o755); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"layer-0000.safetensors", "layer-0002.safetensors", "layer-0003.safetensors.tmp"} {
			path := filepath.Join(layers, name)
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at(i), at(i)); err != nil {
				t.Fatal(err)
			}
		}
		st := &Status{Run: dir, State: Stopped}
		last, err := st.scan(0)
		if err != nil {
			t.Fatal(err)
		}
		st.place(plan, place{Stage: 1}, last.event)
		if st.Layer == nil || st.Layer.Path != "layers/2-b/layer-0002.safetensors" || !st.Layer.Time.Equal(at(1)) {
			t.Errorf("the layer's file is %+v", st.Layer)
		}
		st.Run, st.Layer, st.Updated = "", nil, time.Time{}
		return st
	}
	want := &Status{State: Stopped, Stage: "2-b", StagesDone: 1, Steps: 20, Layers: 2, LayersOf: 3, Parts: map[string]float64{"mse_2": 1}, TokensPerSec: 60}
	if diff := cmp.Diff(want, read(lines)); diff != "" {
		t.Errorf("two layers are done (-want +got):\n%s", diff)
	}
	want = &Status{State: Stopped, Stage: "2-b", StagesDone: 1, Steps: 20, LayersOf: 3}
	if diff := cmp.Diff(want, read(lines[:1])); diff != "" {
		t.Errorf("none is done (-want +got):\n%s", diff)
	}
	lines[3] = line(t, Event{Event: "step", Stage: "2-b", Step: 20, Time: at(4), Loss: 7, TokensPerSec: 9})
	if got := read(append(lines, "")); got.Loss != 7 || got.Step != 20 || got.TokensPerSec != 9 {
		t.Errorf("with all layers done it is %+v", got)
	}
}

// Whatever stands in the metrics is read or refused, up to the last whole line.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"event":"step","stage":"1-a","step":1,"loss":2}` + "\n" + `{"event":"eval","model":"student"}` + "\n" + `{"event":"sa`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, metricsName), data, 0o644); err != nil {
			t.Fatal(err)
		}
		st := &Status{Run: dir}
		found, err := st.scan(int64(len(data)))
		if want := int64(bytes.LastIndexByte(data, '\n') + 1); err == nil && found.bytes != want {
			t.Errorf("%q: read %d bytes, want the %d of whole lines", data, found.bytes, want)
		}
	})
}

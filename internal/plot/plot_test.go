package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
	"github.com/seed-1411d8c0/linearize/internal/plot"
)

// add gives a run a stage of so many steps, with parts for so many layers.
func add(r *plot.Run, label string, steps, layers int) {
	for step := range steps {
		e := metrics.Event{Event: "step", Stage: label, Step: step + 1, Loss: 3 * math.Exp(-float64(step)/float64(steps)), Parts: map[string]float64{}}
		for l := range layers {
			e.Parts[fmt.Sprintf("mse_%d", l)] = 1e-3 * float64(l+1) * e.Loss
		}
		r.Add(e)
	}
	r.Add(metrics.Event{Event: "eval", Stage: label, Step: steps, Model: "student", Nats: 2, StdErr: 0.01})
}

// What a run is at any time can be drawn, and both files are what their names say.
func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shows string
		fill  func(r *plot.Run)
	}{
		{"teacher only", "held-out loss: teacher 1.5000", func(r *plot.Run) { r.Add(metrics.Event{Event: "eval", Model: "teacher", Nats: 1.5, StdErr: 0.1}) }},
		{"one step", "1-a", func(r *plot.Run) { r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: 1, Loss: 2}) }},
		{"losses of zero", "student 0.0000 ± 0.0000", func(r *plot.Run) {
			r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: 1, Parts: map[string]float64{"mse_0": 0}})
			r.Add(metrics.Event{Event: "eval", Stage: "1-a", Step: 1, Model: "student"})
		}},
		{"training", "thick lines and the last numbers are smoothed", func(r *plot.Run) { add(r, "1-mimic", 40, 0) }},
		{"equal losses", "mean square", func(r *plot.Run) {
			for step := range 3 {
				r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: step + 1, Loss: 1, Parts: map[string]float64{"mse_2": 1}})
			}
		}},
		{"a standard error beyond the loss", "student 1.0000 ± 2.0000", func(r *plot.Run) {
			r.Add(metrics.Event{Event: "eval", Stage: "1-a", Step: 1, Model: "student", Nats: 1, StdErr: 2})
		}},
		{"not finite", "1-a", func(r *plot.Run) {
			r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: 1, Loss: math.Inf(1)})
			r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: 1, Loss: 1, Parts: map[string]float64{"mse_0": math.NaN(), "mse_1": math.Inf(1)}})
			r.Add(metrics.Event{Event: "eval", Stage: "1-a", Step: 1, Model: "student", Nats: math.NaN()})
		}},
		{"other distances", "1 − cosine, L2 / √d", func(r *plot.Run) {
			for step := range 3 {
				r.Add(metrics.Event{Event: "step", Stage: "1-a", Step: step + 1, Loss: 1, Parts: map[string]float64{"cosine_1": 0.5, "attention_1": 2}})
				r.Add(metrics.Event{Event: "layer", Stage: "2-b", Step: 3, Parts: map[string]float64{"l2_0": 1}})
				r.Add(metrics.Event{Event: "step", Stage: "2-b", Step: step + 1, Loss: 1, Parts: map[string]float64{"l2_0": 1}})
			}
		}},
		{"long", "held-out loss: student 2.0000 ± 0.0100, teacher 1.5000", func(r *plot.Run) {
			r.Add(metrics.Event{Event: "eval", Model: "teacher", Nats: 1.5, StdErr: 0.1})
			add(r, "1-mimic", 5000, 32)
			add(r, "2-heal", 3, 0)
			add(r, "3-tune", 2000, 0)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r plot.Run
			tt.fill(&r)
			dir := filepath.Join(t.TempDir(), "plots")
			if err := r.Write(dir); err != nil {
				t.Fatal(err)
			}
			bitmap, err := os.ReadFile(filepath.Join(dir, "loss.png"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := png.Decode(bytes.NewReader(bitmap)); err != nil {
				t.Errorf("loss.png: %v", err)
			}
			vector, err := os.ReadFile(filepath.Join(dir, "loss.svg"))
			if err != nil {
				t.Fatal(err)
			}
			for d := xml.NewDecoder(bytes.NewReader(vector)); err == nil; {
				_, err = d.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("loss.svg: %v", err)
			}
			if images := bytes.Count(vector, []byte("<image ")); images != bytes.Count(vector, []byte(`preserveAspectRatio="none"`)) ||
				images != bytes.Count(vector, []byte("data:image/png;base64,iVBOR")) {
				t.Errorf("loss.svg has bitmaps that are shown otherwise than as what they are")
			}
			if !bytes.Contains(vector, []byte(tt.shows)) {
				t.Errorf("loss.svg does not say %q", tt.shows)
			}
			if max := 1 << 20; len(bitmap) > max || len(vector) > max {
				t.Errorf("the files have %d and %d bytes, want less than %d", len(bitmap), len(vector), max)
			}
		})
	}
}

// A run of which nothing is known leaves nothing, and a folder that cannot be made is
// an error.
func TestWriteNothing(t *testing.T) {
	var r plot.Run
	dir := filepath.Join(t.TempDir(), "plots")
	if err := r.Write(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(dir, nil, 0o644); err != nil { // what no run left there
		t.Fatal(err)
	}
	add(&r, "1-a", 3, 2)
	if err := r.Write(dir); err == nil {
		t.Error("Write() where a file is in the way: no error")
	}
}

func BenchmarkWrite(b *testing.B) {
	var r plot.Run
	add(&r, "1-mimic", 20000, 32)
	add(&r, "2-heal", 20000, 0)
	dir := b.TempDir()
	for b.Loop() {
		if err := r.Write(dir); err != nil {
			b.Fatal(err)
		}
	}
}

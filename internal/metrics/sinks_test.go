package metrics_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

// story is what two stages of a run leave, the second with parts of its own.
func story() []metrics.Event {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 12, 0, s, 500e6, time.UTC) }
	return []metrics.Event{
		{Event: "eval", Stage: "0-convert", Time: at(0), Model: "teacher", Nats: 1.5, StdErr: 0.25, Tokens: 64},
		{Event: "eval", Stage: "0-convert", Time: at(1), Model: "student", Nats: 4, StdErr: 0.5, Tokens: 64},
		{Event: "step", Stage: "1-mimic", Step: 1, Time: at(2), Loss: 8, Parts: map[string]float64{"mse_2": 0.5, "mse_10": 0.25}, GradNorm: 2, LearningRate: 0.125, Tokens: 16},
		{Event: "step", Stage: "1-mimic", Step: 2, Time: at(3), Loss: 4, Parts: map[string]float64{"mse_2": 0.25, "mse_10": 0.125}, GradNorm: 1, LearningRate: 0.25, Tokens: 32, TokensPerSec: 16},
		{Event: "save", Stage: "1-mimic", Step: 2, Time: at(4), Path: "stages/1-mimic/step-0000002"},
		{Event: "step", Stage: "2-heal", Step: 1, Time: at(5), Loss: 0, Parts: map[string]float64{"kl": 0, "mse_2": 3}, GradNorm: 1, LearningRate: 0.5, Tokens: 16},
		{Event: "eval", Stage: "2-heal", Step: 1, Time: at(6), Model: "student", Nats: 2, StdErr: 0.5, Tokens: 64},
	}
}

const storyCSV = `event,stage,step,time,loss,grad_norm,learning_rate,tokens,tokens_per_second,model,nats_per_token,stderr,path,mse_2,mse_10,kl
eval,0-convert,0,2026-11-23T12:00:00.5Z,,,,64,,teacher,1.5,0.25,,,,
eval,0-convert,0,2026-11-23T12:00:01.5Z,,,,64,,student,4,0.5,,,,
step,1-mimic,1,2026-11-23T12:00:02.5Z,8,2,0.125,16,,,,,,0.5,0.25,
step,1-mimic,2,2026-11-23T12:00:03.5Z,4,1,0.25,32,16,,,,,0.25,0.125,
save,1-mimic,2,2026-11-23T12:00:04.5Z,,,,,,,,,stages/1-mimic/step-0000002,,,
step,2-heal,1,2026-11-23T12:00:05.5Z,0,1,0.5,16,,,,,,3,,0
eval,2-heal,1,2026-11-23T12:00:06.5Z,,,,64,,student,2,0.5,,,,
`

// follow opens a sink when so many events have happened, and gives it the others.
func follow(t *testing.T, already int, open func(rows func() ([]metrics.Event, error)) (metrics.Sink, error)) {
	t.Helper()
	events, done := story(), already
	sink, err := open(func() ([]metrics.Event, error) { return events[:done], nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events[already:] {
		done++
		if err := sink.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

// Wherever a run goes on from, each event is there once, whatever a killed run left.
func TestCSV(t *testing.T) {
	for already := range len(story()) + 1 {
		path := filepath.Join(t.TempDir(), "metrics.csv")
		if err := os.WriteFile(path, []byte("event,of,a,killed,run\n1,2,"), 0o644); err != nil {
			t.Fatal(err)
		}
		follow(t, already, func(rows func() ([]metrics.Event, error)) (metrics.Sink, error) { return metrics.CSV(path, rows) })
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(storyCSV, string(got)); diff != "" {
			t.Errorf("from event %d on (-want +got):\n%s", already, diff)
		}
	}
}

func eventFile(t *testing.T, already int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.out.tfevents.linearize")
	follow(t, already, func(rows func() ([]metrics.Event, error)) (metrics.Sink, error) {
		events, err := rows()
		if err != nil {
			return nil, err
		}
		return metrics.TensorBoard(path, events)
	})
	return path
}

// The frame of TensorFlow's own first record, and one file from wherever a run goes on.
func TestTensorBoardBytes(t *testing.T) {
	want, err := os.ReadFile(eventFile(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	head := []byte{0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22}
	if !bytes.HasPrefix(want, head) {
		t.Errorf("the file begins with % x, want % x", want[:len(head)], head)
	}
	for already := range len(story()) + 1 {
		got, err := os.ReadFile(eventFile(t, already))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("from event %d on the file differs", already)
		}
	}
}

// pythonVar names a Python that has tensorboard.
const pythonVar = "LINEARIZE_TEST_TENSORBOARD_PYTHON"

// The real package reads every scalar at its step.
func TestTensorBoard(t *testing.T) {
	python := os.Getenv(pythonVar)
	if python == "" {
		t.Skipf("set %s to a Python that has tensorboard", pythonVar)
	}
	script := filepath.Join("..", "..", "tools", "golden", "tensorboard_scalars.py")
	out, err := exec.CommandContext(t.Context(), python, "-B", script, eventFile(t, 3)).Output()
	if err != nil {
		t.Fatal(err)
	}
	const noon = 1795435200
	type scalar struct {
		tag   string
		step  int
		time  float64
		value float64
	}
	want := []scalar{
		{"loss/1-mimic", 1, noon + 2.5, 8},
		{"loss/1-mimic", 2, noon + 3.5, 4},
		{"loss/2-heal", 3, noon + 5.5, 0},
		{"nats_per_token/student", 0, noon + 1.5, 4},
		{"nats_per_token/student", 3, noon + 6.5, 2},
		{"nats_per_token/teacher", 0, noon + 0.5, 1.5},
		{"nats_per_token/teacher", 0, noon + 1.5, 1.5},
		{"nats_per_token/teacher", 3, noon + 6.5, 1.5},
		{"parts_1-mimic/mse_10", 1, noon + 2.5, 0.25},
		{"parts_1-mimic/mse_10", 2, noon + 3.5, 0.125},
		{"parts_1-mimic/mse_2", 1, noon + 2.5, 0.5},
		{"parts_1-mimic/mse_2", 2, noon + 3.5, 0.25},
		{"parts_2-heal/kl", 3, noon + 5.5, 0},
		{"parts_2-heal/mse_2", 3, noon + 5.5, 3},
		{"training/grad_norm", 1, noon + 2.5, 2},
		{"training/grad_norm", 2, noon + 3.5, 1},
		{"training/grad_norm", 3, noon + 5.5, 1},
		{"training/learning_rate", 1, noon + 2.5, 0.125},
		{"training/learning_rate", 2, noon + 3.5, 0.25},
		{"training/learning_rate", 3, noon + 5.5, 0.5},
		{"training/tokens_per_second", 2, noon + 3.5, 16},
	}
	var got []scalar
	for line := range strings.Lines(string(out)) {
		var s scalar
		if err := json.Unmarshal([]byte(line), &[]any{&s.tag, &s.step, &s.time, &s.value}); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(scalar{})); diff != "" {
		t.Errorf("scalars (-want +tensorboard):\n%s", diff)
	}
}

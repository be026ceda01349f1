package distill

import "github.com/seed-1411d8c0/linearize/internal/metrics"

// Event is one line of metrics.jsonl.
type Event = metrics.Event

// after names what an evaluation follows.
func after(e Event) string {
	if e.Model == "teacher" {
		return "teacher"
	}
	return e.Stage
}

package metrics

import "time"

// Event is one line of metrics.jsonl.
type Event struct {
	Event string    `json:"event"`         // "step", "eval", "save" or, of a stage that trains layer by layer, "layer"
	Stage string    `json:"stage"`         // "1-mimic"; "0-convert" before the first
	Step  int       `json:"step"`          // optimizer steps of the stage that are done
	Time  time.Time `json:"time,omitzero"` // when it happened

	// A step; of a layer, which comes before the steps that it had, Parts and the tokens.
	Loss         float64            `json:"loss,omitempty"`
	Parts        map[string]float64 `json:"parts,omitempty"`     // unweighted: mse_<layer>, l2_<layer>, …, kl, ce; weighted: penalty
	GradNorm     float64            `json:"grad_norm,omitempty"` // before clipping
	LearningRate float64            `json:"learning_rate,omitempty"`
	Tokens       int64              `json:"tokens,omitempty"`            // predicted in this stage so far; of an eval: held out
	TokensPerSec float64            `json:"tokens_per_second,omitempty"` // trained, over the stage so far, without its first step, evaluations and saves

	// An evaluation.
	Model  string  `json:"model,omitempty"` // "teacher" or "student"
	Nats   float64 `json:"nats_per_token,omitempty"`
	StdErr float64 `json:"stderr,omitempty"`

	// A save.
	Path string `json:"path,omitempty"` // below the run folder
}

// Axis puts the stages of a run one behind the other on one axis of steps. The zero
// Axis is at the start; give it every event in order.
type Axis struct {
	stage      string
	base, last int
}

// At is the event's step counted from the start of the run.
func (a *Axis) At(e Event) int {
	if e.Stage != a.stage {
		a.stage, a.base, a.last = e.Stage, a.base+a.last, 0
	}
	a.last = max(a.last, e.Step)
	return a.base + e.Step
}

package distill

// Event is one line of metrics.jsonl.
type Event struct {
	Event string `json:"event"` // "step", "eval" or "save"
	Stage string `json:"stage"` // "0-convert" before the first
	Step  int    `json:"step"`  // optimizer steps of the stage that are done

	// A step.
	Loss         float64            `json:"loss,omitempty"`
	Parts        map[string]float64 `json:"parts,omitempty"`     // unweighted: mse_<layer>, kl, ce; weighted: penalty
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

func (e Event) after() string {
	if e.Model == "teacher" {
		return "teacher"
	}
	return e.Stage
}

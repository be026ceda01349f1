package recipes

import (
	"fmt"
	"strings"
)

// builtin are the knobs of a stage when neither it nor defaults say otherwise.
// The learning rate has none: no value suits both a feature map and a whole model.
var builtin = Knobs{
	BatchSize:        8,
	GradAccumulation: 1,
	Betas:            Betas{0.9, 0.999},
	Eps:              1e-8,
	ClipNorm:         1,
	Schedule:         "cosine",
	LogEvery:         1,
}

// knob is where a stage's knob stands: there, or in defaults.
func (t *tree) knob(at, key string) string {
	if t.given(at + key) {
		return at + key
	}
	return "defaults." + key
}

// fillSchedule gives schedule plateau its defaults, and takes the keys of one schedule
// that stand in defaults from the stages of another.
func (s *Stage) fillSchedule(at string, t *tree) {
	if s.Schedule != "wsd" && !t.given(at+"decay_steps") {
		s.DecaySteps = 0
	}
	if s.Schedule == "plateau" {
		if !t.given(t.knob(at, "patience")) {
			s.Patience = 10
		}
		if !t.given(t.knob(at, "factor")) {
			s.Factor = 0.1
		}
		return
	}
	if !t.given(at + "patience") {
		s.Patience = 0
	}
	if !t.given(at + "factor") {
		s.Factor = 0
	}
}

// checkKnobs checks the knobs that stand under a path; the effective ones come
// from there or have been checked where they do stand.
func checkKnobs(at string, k *Knobs, t *tree, rp *report) {
	integer := func(key string, got, least int) {
		if t.given(at + key) {
			rp.integer(at+key, got, least)
		}
	}
	number := func(key string, got float64, ok bool, want string) {
		if t.given(at + key) {
			rp.number(at+key, got, ok, want)
		}
	}
	integer("batch_size", k.BatchSize, 1)
	integer("grad_accumulation", k.GradAccumulation, 1)
	number("learning_rate", k.LearningRate, k.LearningRate > 0, "> 0")
	if t.given(at + "betas") {
		for i, b := range k.Betas {
			if path := fmt.Sprintf("%sbetas[%d]", at, i); t.given(path) {
				rp.number(path, b, b >= 0 && b < 1, "in [0, 1)")
			}
		}
	}
	number("eps", k.Eps, k.Eps > 0, "> 0")
	number("weight_decay", k.WeightDecay, k.WeightDecay >= 0, ">= 0")
	number("clip_norm", k.ClipNorm, k.ClipNorm >= 0, ">= 0, where 0 is no clipping")
	if t.given(at + "schedule") {
		rp.choice(at+"schedule", k.Schedule, schedules)
	}
	integer("warmup_steps", k.WarmupSteps, 0)
	integer("decay_steps", k.DecaySteps, 0)
	integer("patience", k.Patience, 1)
	number("factor", k.Factor, k.Factor > 0 && k.Factor < 1, "in (0, 1)")
	number("floor", k.Floor, k.Floor >= 0 && k.Floor <= 1, "in [0, 1]")
	integer("eval_every", k.EvalEvery, 0)
	integer("save_every", k.SaveEvery, 0)
	integer("log_every", k.LogEvery, 1)
}

// checkSchedule checks the schedule's lengths against the stage's.
func checkSchedule(at string, s *Stage, t *tree, rp *report) {
	stage := strings.TrimSuffix(at, ".")
	decay := 0
	if s.Schedule == "wsd" {
		decay = s.DecaySteps
		if decay == 0 {
			rp.at(t.knob(at, "decay_steps"), "%s has schedule wsd, want decay_steps > 0", stage)
		}
	} else if s.DecaySteps != 0 && t.given(at+"decay_steps") {
		rp.at(at+"decay_steps", "is for schedule wsd, and the stage's is %s", s.Schedule)
	}
	if s.Schedule != "plateau" {
		for _, key := range []string{"patience", "factor"} {
			if t.given(at + key) {
				rp.at(at+key, "is for schedule plateau, and the stage's is %s", s.Schedule)
			}
		}
	}
	if s.Schedule == "constant" && s.Floor != 0 && t.given(at+"floor") {
		rp.at(at+"floor", "is not for schedule constant")
	}
	switch {
	case s.Steps <= 0: // reported
	case s.WarmupSteps > s.Steps:
		rp.at(t.knob(at, "warmup_steps"), "is %d, more than the %d steps of %s", s.WarmupSteps, s.Steps, stage)
	case s.WarmupSteps+decay > s.Steps:
		rp.at(t.knob(at, "decay_steps"), "is %d, and with warmup_steps %d more than the %d steps of %s", decay, s.WarmupSteps, s.Steps, stage)
	}
}

// checkPlateau checks that a schedule that follows the evaluations has some to follow.
func checkPlateau(at string, s *Stage, t *tree, rp *report) {
	if s.Schedule != "plateau" {
		return
	}
	path := t.knob(at, "schedule")
	switch {
	case !t.given("data.eval"):
		rp.at(path, "plateau follows the loss on data.eval, which is missing")
	case s.EvalEvery == 0:
		rp.at(path, "plateau follows the evaluations within a stage, want eval_every > 0")
	}
}

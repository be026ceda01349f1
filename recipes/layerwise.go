package recipes

import (
	"errors"
	"fmt"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Layerwise is the [Stage].Execution that takes one layer after the other.
const Layerwise = "layerwise"

// checkExecution checks how a stage runs, and what goes with that.
func checkExecution(at string, s *Stage, t *tree, rp *report) {
	if t.given(at + "execution") {
		rp.choice(at+"execution", s.Execution, executions)
		if s.Kind != "align" && s.Execution == Layerwise {
			rp.at(at+"execution", "is layerwise, which is for a stage of kind align: in others the layers depend on each other")
		}
	}
	for _, key := range []string{"layers", "cache_dtype"} {
		if t.given(at+key) && s.Execution != Layerwise {
			rp.at(at+key, "is for execution: layerwise")
		}
	}
	if s.Execution != Layerwise {
		return
	}
	if t.given(at + "cache_dtype") {
		rp.choice(at+"cache_dtype", s.CacheDType, cacheTypes)
	}
	if t.given(at + "layers") {
		if _, err := arch.ParseLayers(s.Layers); err != nil {
			rp.at(at+"layers", "%v", err)
		}
	}
	if s.Train == "lora" {
		rp.at(at+"train", "is lora, which execution: layerwise does not have; it trains new, new+qkv or new+qkvo")
	}
	if s.Schedule == "plateau" {
		rp.at(t.knob(at, "schedule"), "plateau is not for execution: layerwise, where there is no whole model to evaluate before the end of the stage")
	}
	if t.given(at+"eval_every") && s.EvalEvery > 0 {
		rp.at(at+"eval_every", "is not for execution: layerwise, where there is no whole model before the end of the stage")
	}
}

// Restrict makes all stages align the given layers alone, as "3-7": a machine's share
// of the work. They must all be layerwise.
func (r *Recipe) Restrict(layers string) error {
	if _, err := arch.ParseLayers(layers); err != nil {
		return fmt.Errorf("layers: %w", err)
	}
	for i := range r.Stages {
		if r.Stages[i].Execution != Layerwise {
			return &restrictError{fmt.Errorf("layers: stage %s is not of execution: layerwise, so that it cannot train layers %s alone", r.Stages[i].Name, layers)}
		}
	}
	for i := range r.Stages {
		r.Stages[i].Layers = layers
	}
	return nil
}

type restrictError struct{ error }

func (e *restrictError) Unwrap() error { return errors.Unwrap(e.error) }

// Hint says what to do.
func (*restrictError) Hint() string {
	return "set execution: layerwise in the stages that align, and keep the others in a recipe of their own, which starts from the stitched student"
}

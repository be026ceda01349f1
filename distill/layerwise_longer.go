package distill

import (
	"fmt"
	"path/filepath"
	"slices"
)

// A layerwise stage may be given more steps like another. All its layers are to go the
// same way, those that are done, the one in training and those to come: every step up to
// the length that the stage had is made as it would have been, with the schedule of that
// length, and what follows with the schedule of the new one. The bits do not depend on
// when the steps were added.

// fingerprint is that of the recipe up to this stage, with the length that the stage began
// with: later stages change nothing here, and more steps nothing in those made so far.
func (w *layerwise) fingerprint() (string, error) {
	r := *w.plan.Recipe
	r.Stages = slices.Clone(r.Stages[:w.index+1])
	if len(w.lengths) > 0 {
		r.Stages[w.index].Steps = w.lengths[0]
	}
	key, err := r.Fingerprint()
	if w.from > 0 {
		key += fmt.Sprintf("+%d", w.from) // the windows of steps before are not in the cache
	}
	return key, err
}

// asOf is the stage with the length that it had for a step: schedule and window_dropout
// depend on it.
func (w *layerwise) asOf(step int) Stage {
	stage := w.stage
	if i := slices.IndexFunc(w.lengths, func(n int) bool { return step < n }); i >= 0 {
		stage.Steps = w.lengths[i]
	}
	return stage
}

// begin makes the state say where the layers begin, and with which lengths: what they
// become from now on counts on both.
func (w *layerwise) begin() (err error) {
	if exists(filepath.Join(w.plan.Dir, stateFile)) && (w.index != w.at.Stage || w.at.Fingerprint == w.plan.Fingerprint) {
		return nil // it does
	}
	var m *moments
	if w.from > 0 {
		m = w.disk.moments(w.stage.Set)
	}
	if err := w.commitState(place{Stage: w.index, Step: w.from, Lengths: w.lengths}, m); err != nil {
		return err
	}
	w.touched, err = w.disk.reopen(w.plan.Dir)
	return err
}

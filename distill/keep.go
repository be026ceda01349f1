package distill

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// prune removes the saved points that the recipe does not keep and nothing else stands
// on. It comes after the state of a newer one is on the disk; a run goes on from the state,
// which refers to none of them. What cannot be removed is no reason to stop.
func (s *session) prune(at place) {
	keep := s.plan.Recipe.Keep
	if keep == nil {
		return
	}
	kept := keeps(s.saves, s.evals, *keep)
	s.plan.addBases(kept, at)
	for _, e := range slices.Clone(s.saves) {
		if kept[e.Path] {
			continue
		}
		dir := filepath.Join(s.plan.Dir, filepath.FromSlash(e.Path))
		if err := fsx.RemoveDir(dir); err != nil {
			s.notice("an old save stays: " + err.Error())
		} else {
			_ = os.Remove(filepath.Dir(dir)) // the stage's, if that was its last
		}
		s.saves = slices.DeleteFunc(s.saves, func(x Event) bool { return x.Path == e.Path })
	}
}

// keeps are the paths of the saves that are among the newest or among the best; of two
// that are equally good the older one is the better.
func keeps(saves, evals []Event, keep recipes.Keep) map[string]bool {
	type rated struct {
		Event
		nats float64
	}
	var ratings []rated
	for _, e := range saves {
		i := slices.IndexFunc(evals, func(x Event) bool { return x.Model == "student" && x.Stage == e.Stage && x.Step == e.Step })
		if i >= 0 {
			ratings = append(ratings, rated{e, evals[i].Nats})
		}
	}
	slices.SortStableFunc(ratings, func(a, b rated) int { return cmp.Compare(a.nats, b.nats) })
	kept := map[string]bool{}
	for _, e := range ratings[:min(keep.Best, len(ratings))] {
		kept[e.Path] = true
	}
	for _, e := range saves[max(0, len(saves)-keep.Last):] {
		kept[e.Path] = true
	}
	return kept
}

// addBases adds the points that saved adapters stand on: adapters of what is kept, of the
// final model, and those that the run is still to save.
func (p *Plan) addBases(kept map[string]bool, at place) {
	for i, stage := range slices.Backward(p.Stages) { // a base may hold an adapter itself
		base := p.base(i)
		if base == "" || !stage.savesAdapter() {
			continue
		}
		needed := i >= at.Stage || p.next(i+1) == len(p.Stages)
		for path := range kept {
			needed = needed || filepath.Dir(path) == stage.Dir
		}
		if needed {
			kept[base] = true
		}
	}
}

// checkBase refuses to go on with a stage whose adapters would stand on a point that is
// not there any more.
func (p *Plan) checkBase(at place) error {
	i := p.next(at.Stage)
	if i == len(p.Stages) || !p.Stages[i].savesAdapter() {
		return nil
	}
	base := p.base(i)
	if dir := filepath.Join(p.Dir, base); base != "" && !exists(dir) {
		return &refusal{fmt.Errorf("stages[%d].lora.save is merged+adapter, and %s, which the adapter would stand on, is not there any more", i, dir)}
	}
	return nil
}

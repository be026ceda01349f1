package distill

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// prune removes the saved points that the recipe does not keep. It comes after the
// state of a newer one is on the disk; a run goes on from the state, which refers to
// none of them. What cannot be removed is no reason to stop.
func (s *session) prune() {
	keep := s.plan.Recipe.Keep
	if keep == nil {
		return
	}
	for _, e := range surplus(s.saves, s.evals, *keep) {
		if err := fsx.RemoveDir(filepath.Join(s.plan.Dir, filepath.FromSlash(e.Path))); err != nil {
			s.notice("an old save stays: " + err.Error())
		}
		s.saves = slices.DeleteFunc(s.saves, func(x Event) bool { return x.Path == e.Path })
	}
}

// surplus lists the saves that are neither among the newest nor among the best; of two
// that are equally good the older one is the better.
func surplus(saves, evals []Event, keep recipes.Keep) []Event {
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
	return slices.DeleteFunc(slices.Clone(saves), func(e Event) bool { return kept[e.Path] })
}

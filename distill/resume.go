package distill

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// accept compares what a save was made of with what the run has now, and says from
// where it goes on: from the save or, where the last stage is done and has been given
// more steps, from that stage's end.
func (s *session) accept(at place) (place, error) {
	p := s.plan
	for i, key := range dataKeys {
		if i < len(s.corpora) && at.Data[i] != "" && at.Data[i] != describeData(s.corpora[i]) {
			return at, &refusal{fmt.Errorf("%s: its text, or the tokenizer, has changed since run %s began: there were %s, and there are %s",
				key, p.Dir, at.Data[i], describeData(s.corpora[i]))}
		}
	}
	if at.Fingerprint == p.Fingerprint {
		return at, nil
	}
	was, err := recipes.Parse(recipeName, []byte(at.Recipe))
	if err != nil {
		return at, &ChangedError{Run: p.Dir}
	}
	changes, err := recipes.Diff(was, p.Recipe)
	if err != nil {
		return at, err
	}
	next := at
	var refused, told []string
	for _, c := range changes {
		i, steps, more := longer(c)
		done := 0
		switch {
		case !more:
			refused = append(refused, c.String())
			continue
		case i > at.Stage: // it has not begun
		case i == at.Stage && s.layersBegun(i):
			done, next.Lengths = steps, append(slices.Clone(at.Lengths), steps)
		case i == at.Stage:
			done = at.Step
		case i == at.Stage-1 && at.Tail > 0:
			done, next.Stage, next.Step = at.Tail, i, at.Tail
		case p.next(i+1) == len(p.Stages):
			refused = append(refused, fmt.Sprintf("%s, and the stage is done: its adapters are in the weights, and can be trained no more", c))
			continue
		default:
			refused = append(refused, fmt.Sprintf("%s, and the stage is done: the next one began with what it made", c))
			continue
		}
		told = append(told, s.extension(i, c, done))
	}
	if len(refused) > 0 {
		return at, &ChangedError{p.Dir, refused}
	}
	for _, line := range told {
		s.notice(line)
	}
	return next, nil
}

// longer reports whether a change gives a stage more steps, which, and how many it had.
func longer(c recipes.Change) (stage, steps int, ok bool) {
	if n, err := fmt.Sscanf(c.Key, "stages[%d].steps", &stage); n != 1 || err != nil || c.Key != fmt.Sprintf("stages[%d].steps", stage) {
		return 0, 0, false
	}
	was, err1 := strconv.Atoi(c.Was)
	is, err2 := strconv.Atoi(c.Is)
	return stage, was, err1 == nil && err2 == nil && is > was
}

// extension says what more steps mean for a stage of which so many are done.
func (s *session) extension(i int, c recipes.Change, done int) string {
	stage := s.plan.Stages[i]
	line := fmt.Sprintf("stage %s has %s steps instead of %s", stage.label(), c.Is, c.Was)
	var follows []string
	if stage.Schedule != "constant" && stage.Schedule != "plateau" {
		follows = append(follows, stage.Schedule+" schedule")
	}
	if len(stage.WindowDropout) > 1 {
		follows = append(follows, "window_dropout")
	}
	if done > 0 && len(follows) > 0 {
		line += fmt.Sprintf("; its %s will go by the new length after step %d", strings.Join(follows, " and "), done)
	}
	return line
}

// layersBegun reports whether a layerwise stage has trained something: its layers then have
// the steps of the stage's old length behind them, or will have.
func (s *session) layersBegun(i int) bool {
	stage := s.plan.Stages[i]
	return stage.layerwise() && exists(filepath.Join(s.plan.Dir, layersName, stage.label()))
}

// dataKeys are the recipe's texts in the order in which a session reads them.
var dataKeys = [...]string{"data.train", "data.eval"}

// describeData tells one text from another.
func describeData(c *data.Corpus) string {
	return fmt.Sprintf("%d tokens (CRC-32C %08x)", c.Tokens(), c.Checksum())
}

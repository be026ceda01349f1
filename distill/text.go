package distill

import (
	"cmp"
	"fmt"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// loadData opens the texts of the recipe, as tokens.
func (s *session) loadData() error {
	paths := s.plan.paths()
	enc, _, err := data.Open(cmp.Or(paths.Student, paths.Teacher))
	if err != nil {
		return err
	}
	if s.corpus, err = s.encode(enc, "data.train", paths.Train); err != nil {
		return err
	}
	if len(paths.Eval) > 0 {
		if s.held, err = s.encode(enc, "data.eval", paths.Eval); err != nil {
			return err
		}
	}
	return nil
}

// encode reads the files of one key. An engine does not say when an id is out of
// range, so that a tokenizer of another model is found here.
func (s *session) encode(enc data.Encoding, key string, list []recipes.Source) (*data.Windows, error) {
	c, err := data.Load(enc, sourcesOf(list), data.Options{Cache: data.CacheDir(), Notice: s.notice})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	s.corpora = append(s.corpora, c)
	if c.HighestID() >= s.plan.student.Vocab {
		return nil, fmt.Errorf("%s: %w", key, &eval.VocabError{ID: c.HighestID(), Vocab: s.plan.student.Vocab})
	}
	d := s.plan.Recipe.Data
	w := c.Cut(d.SeqLen, packing(d))
	if w.Len() == 0 {
		return nil, fmt.Errorf("%s: has %d tokens, want more than seq_len (%d)", key, c.Tokens(), d.SeqLen)
	}
	return w, nil
}

// sourcesOf are a recipe's files as they are read.
func sourcesOf(list []recipes.Source) []data.Source {
	var sources []data.Source
	for _, x := range list {
		sources = append(sources, data.Source{Path: x.Path, Separator: x.Separator})
	}
	return sources
}

// packing is how a recipe's documents fill windows.
func packing(d recipes.Data) data.Packing { return cmp.Or(data.Packing(d.Packing), data.Concat) }

// sampler draws a stage's windows: each stage in an order of its own,
// and those that remember the teacher's logits the same windows in the same order.
func (s *session) sampler(stage Stage) (data.Sampler, error) {
	name := stage.Name
	if stage.TeacherLogits != nil {
		name = topSeed
	}
	draw, err := data.NewSampler(s.corpus, s.plan.Recipe.Seed^stream(name))
	if err != nil {
		return draw, fmt.Errorf("data.train: %w", err)
	}
	if stage.TeacherLogits != nil {
		draw = draw.OneCut()
	}
	return draw, nil
}

package distill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Files of a run folder beside its log and its state.
const (
	recipeName     = "recipe.yaml"
	provenanceName = "linearize.json" // of a saved point, too
)

// Folders of a run folder: the saved points of the stages, and the last one of all.
const (
	stagesName = "stages"
	finalName  = "final"
)

// Run carries the plan out and returns the folder of the final model. In a run
// folder that holds a save of the same recipe it goes on from there; one that is
// finished is left as it is.
//
// When ctx ends, Run saves and returns an [*InterruptedError]; when a loss or a
// gradient is not a number, a [*DivergedError] and the last save stands.
func (p *Plan) Run(ctx context.Context, env Env) (final string, err error) {
	final = filepath.Join(p.Dir, finalName)
	s, err := p.open(env)
	if err != nil {
		return "", err
	}
	defer func() { err = p.explain(errors.Join(err, s.close())) }()
	at, err := s.prepare()
	if err != nil {
		return "", err
	}
	if p.next(at.Stage) == len(p.Stages) && p.hasFinal() {
		fmt.Fprintf(env.Out, "run %s is finished\n", p.Dir)
		return final, nil
	}
	if err := s.describe(at); err != nil {
		return "", err
	}
	s.at = at
	if line := p.wholeModels(at.Stage); line != "" {
		s.notice(line)
	}
	if err := s.load(ctx); err != nil {
		return "", err
	}
	if err := s.start(ctx); err != nil {
		return "", err
	}
	for i := at.Stage; i < len(p.Stages); i++ {
		if why := p.Stages[i].Skipped; why != "" {
			s.notice("stage " + p.Stages[i].label() + " is skipped: " + why)
			continue
		}
		if err := s.runStage(ctx, i); err != nil {
			return "", err
		}
	}
	s.pictures.draw() // a run with a final model is finished, and is not gone on with
	last := p.last()
	if err := s.saveModel(final, last.merged(), last.Steps); err != nil {
		return "", err
	}
	return final, s.summary()
}

// prepare makes the run folder, or finds out how far it has come, and keeps other
// processes out of it.
func (s *session) prepare() (place, error) {
	p := s.plan
	if exists(p.Dir) {
		if err := s.hold(); err != nil {
			return place{}, err
		}
	}
	if p.Options.Overwrite && holdsRun(p.Dir) {
		if err := checkpoints.CheckOutput(p.Dir, true, p.inputs()...); err != nil {
			return place{}, &refusal{err}
		}
		if err := startOver(p.Dir); err != nil {
			return place{}, fmt.Errorf("start over: %w", err)
		}
	}
	entries, err := os.ReadDir(p.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return place{}, fmt.Errorf("run folder: %w", err)
	}
	if !holdsRun(p.Dir) && !justBegun(entries) {
		return place{}, &refusal{fmt.Errorf("run folder %s is not empty and holds no run (there is %s)", p.Dir, entries[0].Name())}
	}
	if len(entries) > 0 {
		if err := fsx.Sweep(p.Dir); err != nil {
			return place{}, fmt.Errorf("run folder: %w", err)
		}
	}
	file, at, err := openState(p.Dir)
	if err != nil {
		return place{}, p.damaged(err)
	}
	if file == nil {
		if p.Options.Resume {
			return place{}, &refusal{fmt.Errorf("run folder %s: there is no save to resume from", p.Dir)}
		}
		if !exists(p.Dir) {
			if err := os.MkdirAll(p.Dir, 0o755); err != nil {
				return place{}, fmt.Errorf("run folder: %w", err)
			}
			if err := s.hold(); err != nil {
				return place{}, err
			}
		}
		return place{}, nil
	}
	if err := file.Close(); err != nil {
		return place{}, err
	}
	if at, err = s.accept(at); err != nil {
		return place{}, err
	}
	return at, p.checkBase(at)
}

// startOver empties a run folder, which stays what it is, a link for one, and locked. The
// state goes first, for nothing is to go on from it, and what makes the folder a run's last:
// a kill in between leaves one that can be started over.
func startOver(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	names := []string{stateFile}
	for _, e := range entries {
		if name := e.Name(); name != recipeName && name != provenanceName {
			names = append(names, name)
		}
	}
	for _, name := range append(names, recipeName, provenanceName) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// hasFinal reports whether the final model is there, with the adapter that belongs beside
// it: that comes second.
func (p *Plan) hasFinal() bool {
	final := filepath.Join(p.Dir, finalName)
	return exists(final) && (!p.last().savesAdapter() || exists(filepath.Join(final, adapterDir)))
}

// describe writes down what the run is and computes with, if it is new or has changed,
// and who is at work in it.
func (s *session) describe(at place) error {
	recipe, err := s.plan.Recipe.YAML()
	if err != nil {
		return err
	}
	if s.switched != "" {
		s.notice(s.switched)
	}
	path := filepath.Join(s.plan.Dir, recipeName)
	if was, err := os.ReadFile(path); err != nil || !at.resumed() || !bytes.Equal(was, recipe) || s.plan.begunOn() != s.on {
		err := s.plan.writeProvenance(s.on)
		if err == nil {
			err = fsx.WriteFile(path, recipe, 0o644)
		}
		if err != nil {
			return fmt.Errorf("run folder %s: %w", s.plan.Dir, err)
		}
	}
	return s.sign()
}

// holdsRun reports whether a run made the folder; a recipe.yaml alone may be
// somebody's own.
func holdsRun(dir string) bool {
	return exists(filepath.Join(dir, recipeName)) &&
		(exists(filepath.Join(dir, provenanceName)) || exists(filepath.Join(dir, stateFile)))
}

// justBegun reports whether a folder has no more in it than a run has that was killed
// before its recipe was written down.
func justBegun(entries []fs.DirEntry) bool {
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !strings.HasPrefix(e.Name(), provenanceName) && !strings.HasPrefix(e.Name(), recipeName+".partial-")
	})
}

// inputs are the files and folders that a run reads, which starting over must not remove.
func (p *Plan) inputs() []string {
	paths := p.paths()
	in := []string{paths.Teacher}
	if paths.Student != "" {
		in = append(in, paths.Student)
	}
	if p.Recipe.File != "" {
		in = append(in, p.Recipe.File)
	}
	for _, s := range slices.Concat(paths.Train, paths.Eval) {
		in = append(in, s.Path)
	}
	return in
}

// writeProvenance writes the run folder's linearize.json: what started the run, or changed it.
func (p *Plan) writeProvenance(on machinery) error {
	data, err := json.MarshalIndent(struct {
		SchemaVersion int    `json:"schema_version"`
		CreatedBy     string `json:"created_by"`
		Version       string `json:"version"`
		machinery
		Plan *Plan `json:"plan"`
	}{1, createdBy, p.Options.Version, on, p}, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", provenanceName, err)
	}
	return fsx.WriteFile(filepath.Join(p.Dir, provenanceName), append(data, '\n'), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

package distill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/hidden"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// layerwise is an alignment that takes one layer at a time. Layers do not influence
// each other when every one of them is given the teacher's hidden state, so that each
// can be trained for all steps by itself:
//
//	for each layer     the teacher's block runs once over all windows of the stage, from the
//	                   cached states before it to those behind it and the outputs of its mixer;
//	                   the student's mixer trains on these for all steps and epochs;
//	                   what it has become goes to a file
//	at the end         the files become one saved point, and the curves one record
//
// Nothing but the layer at hand is in memory.
type layerwise struct {
	*session
	index   int
	stage   Stage
	from    int    // steps that the stage had when it was done, and was given more
	lengths []int  // see [place]
	key     string // of what the layers depend on
	teacher *pretrained.Folder
	draw    data.Sampler
	windows []int       // first tokens of the windows, in the order in which they are first drawn
	row     map[int]int // and the other way round
	cache   *hidden.Cache

	blocks   []*train.Block
	trainers []*layerTrainer

	curves map[int]*curve // of the finished layers

	// What this process has spent: in the teacher's blocks, and in steps from the cache.
	taught, trained time.Duration
}

// runLayerwise trains a layerwise stage, from the layer where the files left it.
func (s *session) runLayerwise(ctx context.Context, i int) (err error) {
	if err := s.unloadModels(); err != nil {
		return err
	}
	w := &layerwise{session: s, index: i, stage: s.plan.Stages[i], curves: map[int]*curve{}}
	if i == s.at.Stage {
		w.from, w.lengths = s.at.Step, s.at.Lengths
	}
	if err := s.announce(i, w.from); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(); err != nil {
		return err
	}
	for _, layer := range w.stage.Aligned {
		if err := w.run(ctx, layer); err != nil {
			return err
		}
	}
	w.spent()
	if err := w.report(); err != nil {
		return err
	}
	w.free() // an evaluation may need the memory
	if s.held != nil {
		if err := s.loadModels(); err != nil {
			return err
		}
	}
	if err := s.finish(ctx, i, w.stage, nil, s.disk.moments(w.stage.Set)); err != nil {
		return err
	}
	// All that the stage has left is in the state now.
	if s.touched, err = s.disk.reopen(s.plan.Dir); err != nil {
		return err
	}
	return s.sweepLayers(i + 1)
}

// open finds the stage's windows and the cache, and room for it.
func (w *layerwise) open() (err error) {
	if w.key, err = w.fingerprint(); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	if w.stage.ClipNorm > 0 && len(w.stage.Aligned) > 1 {
		w.notice(fmt.Sprintf("stage %s: clip_norm bounds the gradient of each layer by itself, where execution: joint bounds that of all together", w.stage.label()))
	}
	if w.stage.EvalEvery > 0 {
		w.notice(fmt.Sprintf("stage %s: execution: layerwise evaluates at the stage's end only, and not every %d steps", w.stage.label(), w.stage.EvalEvery))
	}
	if w.teacher, err = pretrained.Open(w.plan.Teacher); err != nil {
		return fmt.Errorf("teacher: %w", err)
	}
	draw, err := w.sampler(w.stage)
	if err != nil {
		return err
	}
	w.draw = draw.OneCut()
	w.findWindows()
	return w.openCache()
}

// findWindows numbers the windows that the steps draw, each once.
func (w *layerwise) findWindows() {
	w.row = map[int]int{}
	for step := w.from; step < w.stage.Steps; step++ {
		if len(w.windows) == w.draw.Epoch() {
			return // the rest draws them again
		}
		for _, start := range w.draw.Starts(step, w.stage.windows()) {
			if _, seen := w.row[start]; !seen {
				w.row[start] = len(w.windows)
				w.windows = append(w.windows, start)
			}
		}
	}
}

// openCache opens the stage's cache, if the disk has room for it.
func (w *layerwise) openCache() (err error) {
	layout := w.stage.layout(w.plan.student, len(w.windows), w.plan.Recipe.Data.SeqLen)
	dir := filepath.Join(w.plan.Dir, cacheName, w.stage.label())
	if w.cache, err = hidden.Open(dir, w.key, layout); err != nil {
		return err
	}
	if room, known := w.room(dir, hidden.Held(dir)); known && room < layout.Bytes() {
		return &hidden.SpaceError{Dir: dir, Want: layout.Bytes(), Free: room}
	}
	fmt.Fprintf(w.env.Out, "hidden states of %d windows, %s each: %s in %s\n", layout.Rows, layout.DType, bytesize.Format(layout.Bytes()), dir)
	return nil
}

// run sees one layer through, or finds that this was done.
func (w *layerwise) run(ctx context.Context, layer int) error {
	f := w.file(layer)
	file, step, c, err := f.open()
	if err != nil {
		return damagedLayer(err)
	}
	if file == nil || step < w.stage.Steps {
		if err := w.reach(ctx, layer); err != nil {
			return errors.Join(err, closeFile(file))
		}
		began := w.env.Clock()
		if err := w.train(ctx, layer, f, file, step, c); err != nil {
			return err
		}
		w.trained += w.env.Clock().Sub(began)
		fmt.Fprintf(w.env.Out, "layer %d: loss %.6g → %.6g, %d steps in %s\n", layer, c.Loss[0], c.Loss[len(c.Loss)-1], len(c.Loss), w.env.Clock().Sub(began).Round(time.Millisecond))
		if file, _, c, err = f.open(); err != nil {
			return err
		}
	}
	w.disk.add(file)
	for _, name := range f.full {
		w.touch(name)
	}
	w.curves[layer] = c
	return w.record(Event{
		Event: "layer", Stage: w.stage.label(), Step: w.stage.Steps, Parts: c.at(w.stage.Steps-1, layer),
		Tokens: w.tokens(w.stage.Steps), TokensPerSec: speed(w.tokens(1), c.Seconds),
	})
}

// file is where a layer's state is kept.
func (w *layerwise) file(layer int) layerFile {
	f := layerFile{path: filepath.Join(w.plan.Dir, layersName, w.stage.label(), fmt.Sprintf("layer-%04d%s", layer, layerExt)), key: w.key, from: w.from}
	for _, x := range w.plan.trained(w.stage, layer) {
		f.full = append(f.full, x.full)
		f.own = append(f.own, x.Name)
	}
	return f
}

// free gives back what was compiled, and its memory.
func (w *layerwise) free() {
	for _, b := range w.blocks {
		b.Close()
	}
	for _, t := range w.trainers {
		t.store.Finalize()
	}
	w.blocks, w.trainers = nil, nil
	debug.FreeOSMemory()
}

// close frees and closes what [layerwise.open] and the layers have opened.
func (w *layerwise) close() error {
	var errs []error
	w.free()
	if w.cache != nil {
		errs = append(errs, w.cache.Close())
	}
	if w.teacher != nil {
		errs = append(errs, w.teacher.Close())
	}
	return errors.Join(errs...)
}

// layerwise reports whether the stage takes one layer at a time.
func (s Stage) layerwise() bool { return s.Execution == recipes.Layerwise && s.Skipped == "" }

// target is what an alignment compares.
func (s Stage) target() nn.Target { return objective(s).Target }

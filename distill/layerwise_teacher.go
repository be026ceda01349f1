package distill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/hidden"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// reach makes the cache hold the states before a layer and what the teacher's mixer
// makes of them, from the nearest layer before it whose states are there.
func (w *layerwise) reach(ctx context.Context, layer int) error {
	if w.cache.Has(hidden.Before(layer), layer) && w.cache.Has(hidden.Mixed, layer) {
		return nil
	}
	from := layer
	for from >= 0 && !w.cache.Has(hidden.Before(from), from) {
		from--
	}
	if from < 0 {
		if err := w.embed(ctx); err != nil {
			return err
		}
		from = 0
	}
	for i := from; i <= layer; i++ {
		if err := w.advance(ctx, i, i == layer); err != nil {
			return err
		}
	}
	return nil
}

// embed writes the states before the first layer. The embedding is read row by row.
func (w *layerwise) embed(ctx context.Context) (err error) {
	m := w.teacher.Model
	out, err := w.cache.Write(hidden.Before(0), 0, m.Hidden)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Abort()) }()
	tokens := w.plan.Recipe.Data.SeqLen
	positions, err := w.positions(tokens)
	if err != nil {
		return err
	}
	for _, start := range w.windows {
		if ctx.Err() != nil {
			return w.interrupted()
		}
		x, err := w.teacher.Rows(m.Embedding(), w.corpus.Batch(start).Inputs)
		if err != nil {
			return fmt.Errorf("teacher: %w", err)
		}
		if m.EmbeddingScale != 0 {
			for i := range x {
				x[i] *= float32(m.EmbeddingScale)
			}
		}
		for i := range positions {
			x[i] += positions[i]
		}
		if err := out.Append(x); err != nil {
			return err
		}
	}
	return out.Commit()
}

// positions are the learned ones of the first tokens, if the teacher has such.
func (w *layerwise) positions(tokens int) ([]float32, error) {
	if w.teacher.Model.Positions == 0 {
		return nil, nil
	}
	rows := make([]int32, tokens)
	for i := range rows {
		rows[i] = int32(i)
	}
	return w.teacher.Rows(w.teacher.Model.PositionTable(), rows)
}

// advance runs the teacher's block i over all windows: the states behind it, unless no
// layer asks for them, and with mixed what its mixer made.
func (w *layerwise) advance(ctx context.Context, i int, mixed bool) (err error) {
	began := w.env.Clock()
	defer func() { w.taught += w.env.Clock().Sub(began) }()
	block, err := w.block(i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, block.Params().Release()) }()
	var outs [2]*hidden.Writer
	widths := [2]int{w.stage.target().Width(w.teacher.Model, i), w.teacher.Model.Hidden}
	for k, slot := range [2]hidden.Slot{hidden.Mixed, hidden.Before(i + 1)} {
		if k == 0 && !mixed || k == 1 && i == slices.Max(w.stage.Aligned) {
			continue
		}
		layer := i + k // the states behind are those before the next
		if outs[k], err = w.cache.Write(slot, layer, widths[k]); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, outs[k].Abort()) }()
	}
	bar := w.progress(fmt.Sprintf("%s, layer %d: teacher", w.stage.label(), i), int64(len(w.windows)))
	defer bar.Done()
	tokens, batch := w.plan.Recipe.Data.SeqLen, w.stage.BatchSize
	for at := 0; at < len(w.windows); at += batch {
		if ctx.Err() != nil {
			return w.interrupted()
		}
		var rows []int
		for r := at; r < at+batch; r++ {
			rows = append(rows, min(r, len(w.windows)-1)) // the last one again, so that all batches have one shape
		}
		x, err := w.cache.Read(hidden.Before(i), rows)
		if err != nil {
			return err
		}
		var made [2][]float32
		if made[0], made[1], err = block.Run(x, batch, tokens); err != nil {
			return fmt.Errorf("teacher, layer %d: %w", i, err)
		}
		real := min(batch, len(w.windows)-at)
		for k, out := range outs {
			if out == nil {
				continue
			}
			if err := out.Append(made[k][:real*tokens*widths[k]]); err != nil {
				return err
			}
		}
		bar.Set(int64(at+real), "")
	}
	for _, out := range outs {
		if out == nil {
			continue
		}
		if err := out.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// block is the teacher's layer, ready to run.
func (w *layerwise) block(i int) (b *train.Block, err error) {
	one := w.teacher.Model.Single(i)
	at := slices.IndexFunc(w.blocks, func(b *train.Block) bool { return b.Serves(one) })
	if at < 0 {
		if b, err = train.NewBlock(w.backend, one, w.stage.target()); err != nil {
			return nil, err
		}
		at, w.blocks = len(w.blocks), append(w.blocks, b)
	}
	b = w.blocks[at]
	return b, w.layerError("teacher", b.Params().LoadLayer(w.teacher.Model, i, nil, w.teacher.Float32))
}

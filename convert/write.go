package convert

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/seeding"
)

// initStd is the initializer_range of a config without one.
const initStd = 0.02

// Write makes the folder that the plan describes, whole or not at all: a failure and
// a cancelled ctx leave nothing. What is copied goes from file to file; of tensors that
// are new or cast one is in memory and the next one is computed. Progress, which may be
// nil, is called before each tensor and at the end with the bytes written.
//
// The same plan gives the same bytes in every file.
func (p *Plan) Write(ctx context.Context, progress func(done, total int64)) (err error) {
	folder, err := pretrained.Open(p.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	sources, err := p.sources(folder)
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	config, err := checkpoints.ParseConfig(p.Config)
	if err != nil {
		return err
	}
	ctx, digests, end := verify(ctx, folder)
	defer end()
	err = checkpoints.Write(p.Output, checkpoints.Output{
		Config: config, Tensors: sources, Copy: p.files(),
		Files: map[string][]byte{cardName: []byte(p.Card)},
		Last: map[string]func() ([]byte, error){provenanceName: func() ([]byte, error) {
			sums, err := digests()
			if err != nil {
				return nil, err
			}
			return p.provenance(sums)
		}},
		Before:       watch(ctx, p.BytesOut, progress),
		MaxShardSize: p.Options.MaxShardSize, Overwrite: p.Options.Overwrite, NoSync: p.Options.NoSync,
	})
	if bad, ok := errors.AsType[*checkpoints.NotFiniteError](err); ok {
		return fmt.Errorf("read %s: %w", p.Source, bad) // whoever came upon it first
	}
	if err != nil {
		return err
	}
	progress(p.BytesOut, p.BytesOut)
	return nil
}

// verify begins to read the source's weight files from end to end, which takes about as
// long as writing does: for their digests, and because weights have to be numbers. A NaN
// would train to nothing, and be found much later. A failure cancels the context that it
// returns. Wait returns the digests; after end nothing is read any more.
func verify(ctx context.Context, folder *pretrained.Folder) (_ context.Context, wait func() (map[string]string, error), end func()) {
	weights := map[string]bool{}
	for _, w := range folder.Model.Weights() {
		for _, part := range pretrained.Stored(w) {
			weights[part.Tensor] = true
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	var digests map[string]string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		digests, err = folder.Verify(ctx, func(tensor string) bool { return weights[tensor] })
		if err != nil {
			stop(err)
		}
	}()
	wait = func() (map[string]string, error) {
		<-done
		return digests, err
	}
	end = func() {
		stop(nil)
		<-done
	}
	return ctx, wait, end
}

// watch returns what reports, before each tensor, the bytes written before it, and ends
// the write when ctx is cancelled.
func watch(ctx context.Context, total int64, progress func(done, total int64)) func(checkpoints.Source) error {
	var begun int64
	return func(t checkpoints.Source) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		progress(begun, total)
		begun += t.Bytes()
		return nil
	}
}

// sources turns the plan's tensors into what checkpoints writes.
func (p *Plan) sources(folder *pretrained.Folder) ([]checkpoints.Source, error) {
	layers, err := p.seedLayers(folder)
	if err != nil {
		return nil, err
	}
	var sources []checkpoints.Source
	for _, t := range p.Tensors {
		if t.From == Seeded {
			seed, ok := layers[t.Name]
			if !ok {
				return nil, fmt.Errorf("plan: %s does not seed tensor %s", t.By, t.Name)
			}
			sources = append(sources, t.encoded(seed))
			continue
		}
		if t.From == Cast {
			sources = append(sources, t.encoded(func() ([]float32, error) { return folder.Float32(t.Name) }))
			continue
		}
		old, err := folder.Source(t.Name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, old)
	}
	return sources, nil
}

// finite returns the values of a tensor of the source to compute with.
func finite(folder *pretrained.Folder, name string) ([]float32, error) {
	if err := folder.CheckFinite(name); err != nil {
		return nil, err
	}
	return folder.Float32(name)
}

// seedLayers returns the values of every seeded tensor, by full name, not computed yet.
func (p *Plan) seedLayers(folder *pretrained.Folder) (map[string]func() ([]float32, error), error) {
	model, std := folder.Model, initStd
	if _, err := folder.Config().Get("initializer_range", &std); err != nil {
		return nil, err
	}
	all := map[string]func() ([]float32, error){}
	for _, l := range p.Layers {
		if l.Seeding == "" {
			continue
		}
		prefix := model.Attention(l.Index) + "."
		tensors, err := seeding.Seed(l.Seeding, seeding.Layer{
			Model: model.At(l.Index), Index: l.Index, Mixer: l.Mixer, Seed: p.Options.Seed, InitStd: std,
			Teacher: func(name string) ([]float32, error) { return finite(folder, prefix+name) },
		})
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			all[prefix+t.Name] = t.Data
		}
	}
	return all, nil
}

// encoded is a source of values in the tensor's dtype.
func (t Tensor) encoded(values func() ([]float32, error)) checkpoints.Source {
	return checkpoints.Source{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: func() ([]byte, error) {
		data, err := values()
		if err != nil {
			return nil, err
		}
		return checkpoints.EncodeFloat32(data, t.DType)
	}}
}

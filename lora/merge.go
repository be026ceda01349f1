package lora

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// MergeOptions are the choices of a merge.
type MergeOptions struct {
	MaxShardSize int64 // bytes of tensors per weight file; 0: [checkpoints.DefaultShardSize]
	Overwrite    bool  // replace a folder that is not empty
	Version      string
}

// Merge is all that merging an adapter into a model folder will do.
type Merge struct {
	Base    string       `json:"base"`    // folder
	Adapter string       `json:"adapter"` // folder
	Output  string       `json:"output"`  // folder
	Family  string       `json:"family"`
	Options MergeOptions `json:"-"`

	TrainedOn string `json:"-"` // what the adapter says; "" where it does not

	Modules     []Merged `json:"modules"`
	Tensors     int      `json:"tensors"` // of the output
	Bytes       int64    `json:"bytes"`
	LargestPart int64    `json:"largest_part"` // parameters of the largest layer, or of what stands before or behind them
	PeakMemory  int64    `json:"peak_memory"`  // of writing; an estimate, bytes
}

// Merged is a module whose weight changes.
type Merged struct {
	Module     string            `json:"module"` // as the adapter names it
	Tensor     string            `json:"tensor"`
	DType      checkpoints.DType `json:"dtype"`
	Rank       int               `json:"rank"`
	Scale      float64           `json:"scale"`
	In         int               `json:"in"`
	Out        int               `json:"out"`
	Transposed bool              `json:"transposed,omitempty"` // the tensor is [in, out]

	// LargestChange is max|ΔW| before it is rounded to the dtype; it is known once the
	// module is written.
	LargestChange float64 `json:"largest_change"`
}

// NewMerge decides how an adapter goes into the weights of the model in base. It reads
// headers and the adapter and writes nothing; every reason to refuse is found here.
func NewMerge(base, adapter, output string, o MergeOptions) (*Merge, error) {
	if err := checkpoints.CheckOutput(output, o.Overwrite, base, adapter); err != nil {
		return nil, err
	}
	if err := checkMerged(base, adapter); err != nil {
		return nil, err
	}
	p := &Merge{Base: base, Adapter: adapter, Output: output, Options: o}
	return p, p.open(func(folder *pretrained.Folder, bound []Bound) error {
		var peak checkpoints.Memory
		p.Family = folder.Model.Family
		for _, name := range folder.Names() {
			info, _ := folder.Folder.Info(name)
			p.Tensors++
			p.Bytes += info.Bytes()
		}
		p.LargestPart = largestPart(folder.Model)
		for _, b := range bound {
			p.TrainedOn = b.adapter.Base
			f, err := b.adapter.factors(b.Low) // that they are numbers
			if err != nil {
				return err
			}
			info, ok := folder.Folder.Info(b.Tensor)
			if !ok {
				return fmt.Errorf("model %s: tensor %s is missing", base, b.Tensor)
			}
			want := []int{b.Out, b.In}
			if b.Transposed {
				slices.Reverse(want)
			}
			if !slices.Equal(info.Shape, want) {
				return fmt.Errorf("model %s: tensor %s: shape %v, want %v by config.json", base, b.Tensor, info.Shape, want)
			}
			if _, err := checkpoints.EncodeFloat32(nil, info.DType); err != nil {
				return fmt.Errorf("model %s: tensor %s: %w", base, b.Tensor, err)
			}
			peak.Compute(info.Bytes(), 4*int64(info.Elements())+info.Bytes()+4*int64(len(f.a)+len(f.b)))
			p.Modules = append(p.Modules, Merged{
				Module: b.Name, Tensor: b.Tensor, DType: info.DType, Rank: b.R, Scale: b.Scale, In: b.In, Out: b.Out, Transposed: b.Transposed,
			})
		}
		p.PeakMemory = peak.Peak()
		return nil
	})
}

// largestPart counts the parameters that running the model a layer at a time has in
// memory at once.
func largestPart(m *arch.Model) int64 {
	parts := map[string]int64{}
	for _, w := range m.Weights() {
		part := strconv.Itoa(w.Layer)
		if w.Layer < 0 {
			part = w.Group
		}
		parts[part] += int64(checkpoints.Info{Shape: w.Shape}.Elements())
	}
	return slices.Max(slices.Collect(maps.Values(parts)))
}

// open calls do with the model folder and the adapter bound to it, while they are open.
func (p *Merge) open(do func(*pretrained.Folder, []Bound) error) (err error) {
	folder, err := pretrained.Open(p.Base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	adapter, err := Open(p.Adapter)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, adapter.Close()) }()
	bound, err := adapter.Bind(folder)
	if err != nil {
		return err
	}
	return do(folder, bound)
}

// Corrections reads what the adapter does to the modules of the model.
func (p *Merge) Corrections() (list []Correction, err error) {
	return list, p.open(func(_ *pretrained.Folder, bound []Bound) (err error) {
		list, err = Corrections(bound)
		return err
	})
}

// Write makes the folder, whole or not at all, and fills in how much each module
// changed. The output is laid out as the base is, with its dtypes; sums are taken in
// float32 or wider, one tensor being computed while the one before it is written.
// Progress, which may be nil, is called before each tensor and at the end with the bytes written.
func (p *Merge) Write(ctx context.Context, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return p.open(func(folder *pretrained.Folder, bound []Bound) error {
		out := checkpoints.Output{
			Config: folder.Config(), Files: map[string][]byte{},
			MaxShardSize: p.Options.MaxShardSize, Overwrite: p.Options.Overwrite,
		}
		var err error
		if out.Tensors, err = p.sources(folder, bound); err != nil {
			return err
		}
		var begun int64
		out.Before = func(t checkpoints.Source) error {
			progress(begun, p.Bytes)
			begun += t.Bytes()
			return ctx.Err()
		}
		for _, name := range folder.Files() {
			out.Copy = append(out.Copy, filepath.Join(folder.Dir(), name))
		}
		if err := p.describe(folder, out.Files); err != nil {
			return err
		}
		if err := checkpoints.Write(p.Output, out); err != nil {
			return err
		}
		progress(p.Bytes, p.Bytes)
		return nil
	})
}

// sources are the base's tensors, those of the adapter's modules corrected.
func (p *Merge) sources(folder *pretrained.Folder, bound []Bound) ([]checkpoints.Source, error) {
	var list []checkpoints.Source
	for _, name := range folder.Names() {
		t, err := folder.Folder.Tensor(name)
		if err != nil {
			return nil, err
		}
		source := t.Source()
		if i := slices.IndexFunc(bound, func(b Bound) bool { return b.Tensor == name }); i >= 0 {
			source = checkpoints.Source{Name: name, DType: t.DType, Shape: t.Shape, Data: func() ([]byte, error) {
				return bound[i].merged(t, &p.Modules[i])
			}}
		}
		list = append(list, source)
	}
	return list, nil
}

// merged computes a tensor's new bytes.
func (b Bound) merged(t checkpoints.Tensor, report *Merged) ([]byte, error) {
	f, err := b.adapter.factors(b.Low)
	if err != nil {
		return nil, err
	}
	w, err := t.Float32()
	if err != nil {
		return nil, err
	}
	report.LargestChange = f.addTo(w, b.Transposed)
	if i := slices.IndexFunc(w, func(x float32) bool { return x-x != 0 }); i >= 0 {
		return nil, fmt.Errorf("element %d becomes %v", i, w[i])
	}
	return checkpoints.EncodeFloat32(w, t.DType)
}

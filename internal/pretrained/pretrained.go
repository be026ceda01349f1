// Package pretrained opens model folders, of teachers and of students, and gives
// their tensors by the names and shapes of [arch.Model.Weights], wherever a family's
// files keep them: under other names, fused with others, transposed.
//
// # Limits
//
// A tensor that the files do not have as it is comes as a copy, in memory, at each call.
package pretrained

import (
	"errors"
	"fmt"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Folder is an open model folder and the model that its config describes.
type Folder struct {
	*checkpoints.Folder

	Model   *arch.Model
	weights map[string]arch.Weight
}

// Open opens a folder. That it has the tensors of the config, in their shapes, is not
// checked: asking for one that is missing is an error.
func Open(dir string) (*Folder, error) {
	folder, err := checkpoints.Open(dir)
	if err != nil {
		return nil, err
	}
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("model %s: %w", dir, err), folder.Close())
	}
	m.Locate(func(tensor string) bool {
		_, ok := folder.Info(tensor)
		return ok
	})
	f := &Folder{Folder: folder, Model: m, weights: map[string]arch.Weight{}}
	for _, w := range m.Weights() {
		f.weights[w.Name] = w
	}
	return f, nil
}

// Stored lists what the files have to hold for a weight.
func Stored(w arch.Weight) []arch.Part {
	if w.Parts != nil {
		return w.Parts
	}
	return []arch.Part{{Tensor: w.Name, Shape: w.Shape}}
}

// Info describes a tensor of the model without touching its data; of one that is put
// together from several, by the first of them.
func (f *Folder) Info(name string) (checkpoints.Info, bool) {
	w, ok := f.weights[name]
	if !ok || w.Parts == nil {
		return f.Folder.Info(name)
	}
	info, ok := f.Folder.Info(w.Parts[0].Tensor)
	info.Name, info.Shape = name, w.Shape
	return info, ok
}

// Tensor returns a tensor of the model: a view of the file where the file has it as it
// is, else a copy.
func (f *Folder) Tensor(name string) (checkpoints.Tensor, error) {
	w, ok := f.weights[name]
	if !ok || w.Parts == nil {
		return f.Folder.Tensor(name)
	}
	var runs []checkpoints.Run
	for _, p := range w.Parts {
		runs = append(runs, checkpoints.Run(p))
	}
	return f.Gather(name, w.Shape, runs)
}

// Float32 returns the values of a tensor of the model.
func (f *Folder) Float32(name string) ([]float32, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	return t.Float32()
}

// CheckFinite reads what the files hold for a tensor of the model. NaN or an infinity
// is an error that names the file's tensor.
func (f *Folder) CheckFinite(name string) error {
	w, ok := f.weights[name]
	if !ok {
		w = arch.Weight{Name: name}
	}
	done := map[string]bool{}
	for _, p := range Stored(w) {
		if done[p.Tensor] {
			continue
		}
		done[p.Tensor] = true
		t, err := f.Folder.Tensor(p.Tensor)
		if err == nil {
			err = t.CheckFinite()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Source makes a source that writes a tensor of the model with the bytes of the files.
func (f *Folder) Source(name string) (checkpoints.Source, error) {
	w, ok := f.weights[name]
	if !ok || w.Parts == nil {
		t, err := f.Folder.Tensor(name)
		return t.Source(), err
	}
	info, ok := f.Info(name)
	if !ok {
		return checkpoints.Source{}, fmt.Errorf("read %s: no tensor %s", f.Dir(), w.Parts[0].Tensor)
	}
	return checkpoints.Source{Name: name, DType: info.DType, Shape: w.Shape, Data: func() ([]byte, error) {
		t, err := f.Tensor(name)
		return t.Data, err
	}}, nil
}

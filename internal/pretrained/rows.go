package pretrained

import (
	"fmt"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// Rows returns rows of a matrix of the model as float32, one after the other, and
// reads no others where the files have the matrix as it is: a few rows of an embedding
// do not bring all of it into memory.
func (f *Folder) Rows(name string, rows []int32) ([]float32, error) {
	t, err := f.view(name)
	if err != nil {
		return nil, err
	}
	if len(t.Shape) != 2 {
		return nil, fmt.Errorf("tensor %s: shape %v, want a matrix", name, t.Shape)
	}
	stride := len(t.Data) / max(1, t.Shape[0])
	out := make([]float32, 0, len(rows)*t.Shape[1])
	for _, row := range rows {
		if row < 0 || int(row) >= t.Shape[0] {
			return nil, fmt.Errorf("tensor %s: has %d rows, and row %d is asked for", name, t.Shape[0], row)
		}
		one := checkpoints.Tensor{Info: t.Info, Data: t.Data[int(row)*stride : (int(row)+1)*stride]}
		one.Shape = []int{t.Shape[1]}
		values, err := one.Float32()
		if err != nil {
			return nil, err
		}
		out = append(out, values...)
	}
	return out, nil
}

// view is [Folder.Tensor] without a copy where the tensor has another name only.
func (f *Folder) view(name string) (checkpoints.Tensor, error) {
	w, ok := f.weights[name]
	if ok && len(w.Parts) == 1 {
		p := w.Parts[0]
		if !p.Transposed && p.Row == 0 && len(p.Shape) > 0 && p.Rows == p.Shape[0] && len(p.Shape) == len(w.Shape) && p.Shape[0] == w.Shape[0] {
			return f.Folder.Tensor(p.Tensor)
		}
	}
	return f.Tensor(name)
}

package checkpoints

import (
	"fmt"
	"slices"
)

// Run is a run of rows of a tensor in a folder.
type Run struct {
	Tensor     string
	Shape      []int // that it has to have
	Transposed bool  // it is [columns, rows]
	Row, Rows  int
}

// Gather puts a tensor together from runs of rows of others, one after the other; all
// have to be of one dtype. The result has memory of its own.
func (f *Folder) Gather(name string, shape []int, runs []Run) (Tensor, error) {
	t := Tensor{Name: name, Shape: slices.Clone(shape)}
	for i, r := range runs {
		from, err := f.Tensor(r.Tensor)
		if err != nil {
			return Tensor{}, err
		}
		if !slices.Equal(from.Shape, r.Shape) {
			return Tensor{}, fmt.Errorf("tensor %s: shape %v, want %v", r.Tensor, from.Shape, r.Shape)
		}
		if err := r.check(); err != nil {
			return Tensor{}, err
		}
		if i == 0 {
			t.DType, t.File = from.DType, from.File
			t.Data = make([]byte, 0, t.Bytes())
		}
		if from.DType != t.DType {
			return Tensor{}, fmt.Errorf("tensor %s: dtype %s, want %s as %s has, for both are part of %s", r.Tensor, from.DType, t.DType, runs[0].Tensor, name)
		}
		err = from.look(func() error {
			t.Data = r.appendTo(t.Data, from)
			return nil
		})
		if err != nil {
			return Tensor{}, err
		}
		from.release()
	}
	return t, t.check()
}

// check refuses rows that no tensor of the shape has.
func (r Run) check() error {
	dims, axis := 1, 0
	if r.Transposed {
		dims, axis = 2, 1
	}
	if len(r.Shape) < dims || r.Row < 0 || r.Rows < 0 || r.Rows > r.Shape[axis]-r.Row {
		return fmt.Errorf("tensor %s: shape %v has no %d rows from row %d on", r.Tensor, r.Shape, r.Rows, r.Row)
	}
	return nil
}

// appendTo appends the bytes of the run's rows.
func (r Run) appendTo(data []byte, from Tensor) []byte {
	size := from.DType.Size()
	if !r.Transposed {
		row := len(from.Data) / max(from.Shape[0], 1)
		return append(data, from.Data[r.Row*row:(r.Row+r.Rows)*row]...)
	}
	columns, rows := from.Shape[0], from.Shape[1]
	begin := len(data)
	data = append(data, make([]byte, r.Rows*columns*size)...)
	for c := range columns {
		stored := from.Data[(c*rows+r.Row)*size:]
		for i := range r.Rows {
			copy(data[begin+(i*columns+c)*size:][:size], stored[i*size:])
		}
	}
	return data
}

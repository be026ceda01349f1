package checkpoints

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/half"
)

// Source is a tensor to write. Data is called once, one after the other, but on another
// goroutine and before its turn to be written has come: up to 32 MiB before. It returns
// the elements in row-major order, little-endian. It is nil where [Tensor.Source] has made
// a source of a file's tensor: those bytes go from file to file.
type Source struct {
	Name  string
	DType DType
	Shape []int
	Data  func() ([]byte, error)

	view Tensor // what to copy where Data is nil
}

// copied tells whether the bytes are those of a file.
func (s Source) copied() bool { return s.Data == nil && s.view.file != nil }

// Bytes returns the size of the data.
func (s Source) Bytes() int64 { return Info{DType: s.DType, Shape: s.Shape}.Bytes() }

// FromFloat32 makes a source of values that are encoded, rounded to nearest even,
// when they are written. As is F32, F16 or BF16.
func FromFloat32(name string, shape []int, data []float32, as DType) Source {
	return Source{Name: name, DType: as, Shape: slices.Clone(shape), Data: func() ([]byte, error) {
		return EncodeFloat32(data, as)
	}}
}

// EncodeFloat32 returns data in the given dtype, F32, F16 or BF16, as the bytes that
// a [Source] gives: for sources that compute their values only when asked. A finite
// value that the dtype would round to infinity is an error.
func EncodeFloat32(data []float32, as DType) ([]byte, error) {
	switch as {
	case F32:
		out := make([]byte, 4*len(data))
		for i, x := range data {
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
		}
		return out, nil
	case F16:
		out := make([]byte, 2*len(data))
		half.NarrowF16(out, data)
		return out, checkRange(data, out, as)
	case BF16:
		out := make([]byte, 2*len(data))
		half.NarrowBF16(out, data)
		return out, checkRange(data, out, as)
	default:
		return nil, fmt.Errorf("encode float32: dtype %s, want F32, F16 or BF16", as)
	}
}

// checkRange looks for an element that was finite before it was narrowed.
func checkRange(data []float32, narrow []byte, as DType) error {
	const size = 2
	for at := 0; at < len(data); at++ {
		n := exponentBits[as].find(narrow[size*at:], size)
		if n < 0 {
			return nil
		}
		if at += n; data[at]-data[at] == 0 {
			return fmt.Errorf("element %d is %g, which %s cannot hold", at, data[at], as)
		}
	}
	return nil
}

// Source makes a source that copies the tensor byte for byte, from file to file where it
// is as [File.Tensor] gave it. The source's name may be changed; the folder must stay open
// until it is written.
func (t Tensor) Source() Source {
	s := Source{Name: t.Name, DType: t.DType, Shape: slices.Clone(t.Shape)}
	if t.origin() != nil {
		s.view = t
	} else {
		s.Data = func() ([]byte, error) { return t.Data, nil }
	}
	return s
}

// check refuses a source that no file could hold.
func (s Source) check() error {
	switch {
	case s.Name == "" || s.Name == "__metadata__":
		return fmt.Errorf("tensor %q: not a name for a tensor", s.Name)
	case s.DType.Size() == 0:
		return fmt.Errorf("tensor %s: dtype %q is not supported", s.Name, s.DType)
	case s.Data == nil && !s.copied():
		return fmt.Errorf("tensor %s: no data", s.Name)
	}
	elements := 1
	for _, d := range s.Shape {
		if d < 0 || d > 0 && elements > math.MaxInt/8/d {
			return fmt.Errorf("tensor %s: shape %v is negative or too large", s.Name, s.Shape)
		}
		elements *= d
	}
	return nil
}

// checkSources refuses a list that cannot be written, naming every reason.
func checkSources(tensors []Source) error {
	var bad problems
	seen := map[string]bool{}
	for _, s := range tensors {
		if err := s.check(); err != nil {
			bad.add(err)
			continue
		}
		if seen[s.Name] {
			bad.add(fmt.Errorf("tensor %s: given twice", s.Name))
		}
		seen[s.Name] = true
	}
	return bad.err()
}

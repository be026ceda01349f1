package checkpoints

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// WriteFile writes one safetensors file, whole or not at all. Metadata becomes the
// header's __metadata__; weights for other tools want {"format": "pt"} there.
func WriteFile(path string, tensors []Source, metadata map[string]string) error {
	if err := checkSources(tensors); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err := fsx.ReplaceFile(path, 0o644, func(w io.Writer) error { return writeTensors(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeTensors writes a file's bytes: tensors by falling dtype size, then name, so
// that each starts aligned, behind a header padded to 8 bytes. The library does
// that; stream lends it one tensor at a time and carries errors past it.
func writeTensors(w io.Writer, tensors []Source, metadata map[string]string) error {
	s := &stream{w: w}
	views := make(map[string]view, len(tensors))
	for _, t := range tensors {
		dtype, err := safetensors.ParseDType(string(t.DType))
		if err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		views[t.Name] = view{s, t, dtype}
	}
	if err := safetensors.SerializeToWriter(views, metadata, s); err != nil {
		return err
	}
	s.done()
	return s.err
}

// collectEvery is how much tensor data may turn to garbage before it is collected:
// the collector alone would let it grow to a multiple of the largest tensor.
const collectEvery = 64 << 20

type stream struct {
	w       io.Writer
	err     error  // of a source, returned from the next Write
	current Source // whose bytes are out
	garbage int64
}

func (s *stream) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	view := s.current.view
	if view.file == nil || len(p) < releaseFrom {
		return s.w.Write(p)
	}
	for begin := 0; begin < len(p); begin += releaseEvery { // p is the view's data
		end := min(begin+releaseEvery, len(p))
		if n, err := s.w.Write(p[begin:end]); err != nil {
			return begin + n, err
		}
		view.file.release(view.Name, begin, end)
	}
	return len(p), nil
}

// take returns a source's bytes once those of the one before it are let go.
func (s *stream) take(t Source) []byte {
	s.done()
	if s.err != nil {
		return nil
	}
	data, err := t.Data()
	switch _, named := errors.AsType[*NotFiniteError](err); {
	case named: // the tensor that was read
		s.err = err
	case err != nil:
		s.err = fmt.Errorf("tensor %s: %w", t.Name, err)
	case int64(len(data)) != t.Bytes():
		s.err = fmt.Errorf("tensor %s: %d bytes, want %d for %s%v", t.Name, len(data), t.Bytes(), t.DType, t.Shape)
	default:
		s.current = t
		return data
	}
	return nil
}

func (s *stream) done() {
	if s.current.view.file == nil && s.current.Data != nil {
		s.garbage += s.current.Bytes()
	}
	s.current = Source{}
	if s.garbage >= collectEvery {
		runtime.GC()
		s.garbage = 0
	}
}

// view shows a source to the library, which asks for the data of one view after the
// other and writes each before it asks for the next. Its own view refuses scalars.
type view struct {
	stream *stream
	source Source
	dtype  safetensors.DType
}

var _ safetensors.View = view{}

func (v view) DType() safetensors.DType { return v.dtype }

func (v view) Shape() []uint64 {
	shape := make([]uint64, len(v.source.Shape))
	for i, d := range v.source.Shape {
		shape[i] = uint64(d)
	}
	return shape
}

func (v view) Data() []byte { return v.stream.take(v.source) }

func (v view) DataLen() uint64 { return uint64(v.source.Bytes()) }

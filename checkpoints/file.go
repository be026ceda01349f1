package checkpoints

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/edsrzf/mmap-go"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// File is one open safetensors file.
type File struct {
	path     string
	entries  map[string]entry
	metadata map[string]string

	file *os.File
	size int

	mu      sync.RWMutex // guards file and mapping
	mapping mmap.MMap    // nil once closed

	finite sync.Map // names of tensors that were read and are
}

// OpenFile maps a safetensors file and reads its header.
func OpenFile(path string) (*File, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// openFile leaves it to the caller to name the file.
func openFile(path string) (f *File, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	stat, err := file.Stat()
	if err != nil {
		return nil, bare(err)
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file but %s", stat.Mode().Type())
	}
	if stat.Size() == 0 { // which cannot be mapped
		return nil, errors.New("file is empty")
	}
	mapping, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	f = &File{path: path, file: file, size: len(mapping), mapping: mapping}
	err = guarded(func() (err error) {
		f.entries, f.metadata, err = parseHeader(mapping)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, mapping.Unmap())
	}
	for name, e := range f.entries {
		e.info.File = filepath.Base(path)
		f.entries[name] = e
	}
	return f, nil
}

// bare strips the path, which the caller puts in front.
func bare(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// Names returns the names of the tensors, sorted.
func (f *File) Names() []string { return sortedNames(f.entries) }

// Metadata returns a copy of the header's __metadata__.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes a tensor without touching its data.
func (f *File) Info(name string) (Info, bool) {
	e, ok := f.entries[name]
	return e.info.clone(), ok
}

// Tensor returns a view of a tensor.
func (f *File) Tensor(name string) (Tensor, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	e, ok := f.entries[name]
	switch {
	case !ok:
		return Tensor{}, fmt.Errorf("read %s: no tensor %s", f.path, name)
	case f.mapping == nil:
		return Tensor{}, fmt.Errorf("read %s: tensor %s: file is closed", f.path, name)
	}
	return Tensor{Info: e.info.clone(), Data: f.mapping[e.begin:e.end:e.end], file: f}, nil
}

// holds reports whether a view of the file is as it was given out.
func (f *File) holds(t Tensor) bool {
	e, ok := f.entries[t.Name]
	if !ok || t.DType != e.info.DType || !slices.Equal(t.Shape, e.info.Shape) || len(t.Data) != e.end-e.begin {
		return false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.mapping == nil || len(t.Data) == 0 || &t.Data[0] == &f.mapping[e.begin]
}

// copyTo writes the bytes of a tensor of a file.
func (t Tensor) copyTo(w *fsx.Writer) error {
	f := t.file
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.mapping == nil {
		return fmt.Errorf("read %s: tensor %s: file is closed", f.path, t.Name)
	}
	e := f.entries[t.Name]
	if err := w.CopyFrom(f.file, int64(e.begin), int64(e.end-e.begin)); err != nil {
		return fmt.Errorf("tensor %s: %w", t.Name, err)
	}
	return nil
}

// Close unmaps the file. Views of its tensors must not be read any more.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mapping == nil {
		return nil
	}
	return errors.Join(f.mapping.Unmap(), f.file.Close())
}

// visit shows the bytes [begin, end) of the file, which it must not keep, and lets the
// memory that holds them go.
func (f *File) visit(begin, end int, see func(data []byte) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.mapping == nil {
		return fmt.Errorf("read %s: file is closed", f.path)
	}
	defer fsx.DropPages(f.mapping, begin, end)
	err := guarded(func() error { return see(f.mapping[begin:end]) })
	if errors.Is(err, errFault) {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	return err
}

// release lets the kernel take back the memory that holds a tensor's bytes: they stay
// readable, so that a walk over a model never holds more than one tensor.
func (f *File) release(name string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if e, ok := f.entries[name]; ok && f.mapping != nil {
		fsx.DropPages(f.mapping, e.begin, e.end)
	}
}

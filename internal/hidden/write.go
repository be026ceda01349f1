package hidden

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"os"
	"path/filepath"
	"syscall"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
)

// Writer fills a slot with the rows of a layer.
type Writer struct {
	cache *Cache
	slot  Slot
	part  part
	file  *os.File
	out   *bufio.Writer
	sum   hash.Hash32
}

// Write begins a slot anew: what it held is gone.
func (c *Cache) Write(s Slot, layer, width int) (*Writer, error) {
	if err := c.closeSlot(s); err != nil {
		return nil, err
	}
	c.m.Parts[s] = nil
	if err := c.save(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(c.dir, s.file()), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cache of hidden states: %w", err)
	}
	return &Writer{
		cache: c, slot: s, part: part{Layer: layer, Width: width},
		file: f, out: bufio.NewWriterSize(f, 1<<20), sum: crc32.New(castagnoli),
	}, nil
}

// Append writes the elements of the next rows.
func (w *Writer) Append(data []float32) error {
	b := encode(data, w.cache.m.Layout.DType)
	_, _ = w.sum.Write(b) // a hash takes all
	w.part.Bytes += int64(len(b))
	if _, err := w.out.Write(b); err != nil {
		return full(w.cache.dir, err)
	}
	return nil
}

// Commit ends the slot: from now on it can be read. All rows must be there.
func (w *Writer) Commit() error {
	l := w.cache.m.Layout
	if want := int64(l.Rows) * int64(l.Tokens) * int64(w.part.Width) * int64(size(l.DType)); w.part.Bytes != want {
		return errors.Join(fmt.Errorf("cache of hidden states: %s has %d bytes, want %d", w.slot.file(), w.part.Bytes, want), w.Abort())
	}
	if err := errors.Join(w.out.Flush(), w.Abort()); err != nil {
		return full(w.cache.dir, err)
	}
	w.part.CRC = w.sum.Sum32()
	w.cache.m.Parts[w.slot] = &w.part
	return w.cache.save()
}

// Abort closes the file and leaves the slot empty. After a commit it does nothing.
func (w *Writer) Abort() error {
	f := w.file
	w.file = nil
	if f == nil {
		return nil
	}
	return f.Close()
}

// SpaceError reports a disk that the hidden states do not fit on.
type SpaceError struct {
	Dir        string
	Want, Free int64 // bytes; 0 when the disk was found full while writing
	Err        error
}

func (e *SpaceError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("cache of hidden states in %s: %v", e.Dir, e.Err)
	}
	return fmt.Sprintf("cache of hidden states in %s: takes %s, and the disk has %s free", e.Dir, bytesize.Format(e.Want), bytesize.Format(e.Free))
}

func (e *SpaceError) Unwrap() error { return e.Err }

// Hint lists the ways out.
func (*SpaceError) Hint() string {
	return "make room, choose a run folder on another disk with -o, or say cache_dtype: bf16, which takes half; fewer steps or a smaller batch_size take less"
}

// full turns an error of writing into one that says what to do, when the disk is full.
func full(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &SpaceError{Dir: dir, Err: err}
	}
	return fmt.Errorf("cache of hidden states: %w", err)
}

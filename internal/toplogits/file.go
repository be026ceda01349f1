package toplogits

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
)

// Layout is the size of a file.
type Layout struct {
	Windows int // of an epoch
	Tokens  int // of a window
	K       int
}

// Bytes is what so many windows take on the disk.
func (l Layout) Bytes(windows int) int64 {
	return headerSize + int64(windows)*l.record()
}

// record is the size of a window: its number, its numbers, their checksum.
func (l Layout) record() int64 { return 4 + int64(l.Tokens)*int64(8*l.K+4) + 4 }

// The header: what the file is, its layout, and the key.
const (
	magic      = "toplogi2" // files without numbers of windows were toplogit
	keySize    = 32
	headerSize = 8 + 3*4 + keySize
)

// Key is a checksum of what the numbers depend on: teacher, text, temperature.
type Key [keySize]byte

func (l Layout) header(key Key) []byte {
	b := []byte(magic)
	for _, n := range []int{l.Windows, l.Tokens, l.K} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return append(b, key[:]...)
}

// File is an open file.
type File struct {
	layout Layout
	file   *os.File

	slots map[int]int // where a window is, if it is: the n-th in the file
	free  []int       // slots in which there is none
	count int         // slots
}

// Open opens the file of a path or, where there is none or one of another layout or
// key, makes one without windows. It is as long as the windows in it.
func Open(path string, l Layout, key Key) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	f := &File{layout: l, file: file, slots: map[int]int{}}
	header := l.header(key)
	was := make([]byte, len(header))
	if _, err = file.ReadAt(was, 0); err == nil && slices.Equal(was, header) {
		err = f.find()
	} else if err = file.Truncate(0); err == nil {
		// Emptied first: a kill in between leaves no window under the wrong header.
		_, err = file.WriteAt(header, 0)
	}
	if err != nil {
		_ = file.Close() // the first error counts
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	return f, nil
}

// find finds the windows by their numbers alone: checksums are for who reads them. What
// a kill has cut off at the end is no slot yet.
func (f *File) find() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.count = int((info.Size() - headerSize) / f.layout.record())
	var number [4]byte
	for slot := range f.count {
		if _, err := f.file.ReadAt(number[:], f.place(slot)); err != nil {
			return err
		}
		window := int(binary.LittleEndian.Uint32(number[:])) - 1
		if _, twice := f.slots[window]; twice || window < 0 || window >= f.layout.Windows { // damage
			f.free = append(f.free, slot)
			continue
		}
		f.slots[window] = slot
	}
	return nil
}

var table = crc32.MakeTable(crc32.Castagnoli)

// Read returns a window of the epoch; ok is false where it is not there.
func (f *File) Read(window int) (w Window, ok bool, err error) {
	slot, ok := f.slots[window]
	if !ok {
		return Window{}, false, nil
	}
	data := make([]byte, f.layout.record())
	if _, err := f.file.ReadAt(data, f.place(slot)); errors.Is(err, io.EOF) { // it was cut since
		return Window{}, false, nil
	} else if err != nil {
		return Window{}, false, fmt.Errorf("teacher logits: %w", err)
	}
	w, ok = f.layout.decode(window, data)
	return w, ok, nil
}

// Write puts a window where it was, where there is none, or at the end.
func (f *File) Write(window int, w Window) error {
	if window < 0 || window >= f.layout.Windows {
		return fmt.Errorf("teacher logits: window %d of %d", window, f.layout.Windows)
	}
	slot, known := f.slots[window]
	switch n := len(f.free); {
	case known:
	case n > 0:
		slot, f.free = f.free[n-1], f.free[:n-1]
	default:
		slot = f.count
		f.count++
	}
	f.slots[window] = slot
	if _, err := f.file.WriteAt(f.layout.encode(window, w), f.place(slot)); err != nil {
		return fmt.Errorf("teacher logits: %w", err)
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

func (f *File) place(slot int) int64 { return headerSize + int64(slot)*f.layout.record() }

// encode is a window as the file has it. Numbers begin with one: zeros are no window.
func (l Layout) encode(window int, w Window) []byte {
	data := binary.LittleEndian.AppendUint32(make([]byte, 0, l.record()), uint32(window+1))
	for _, id := range w.IDs {
		data = binary.LittleEndian.AppendUint32(data, uint32(id))
	}
	for _, x := range w.Log {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, table))
}

// decode reads a window; ok is false where it is another one, or the checksum is not that
// of the bytes.
func (l Layout) decode(window int, data []byte) (w Window, ok bool) {
	if int64(len(data)) != l.record() {
		return Window{}, false
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, table) != sum || binary.LittleEndian.Uint32(body) != uint32(window+1) {
		return Window{}, false
	}
	body = body[4:]
	n := l.Tokens * l.K
	w = Window{IDs: make([]int32, n), Log: make([]float32, n+l.Tokens)}
	for i := range w.IDs {
		w.IDs[i] = int32(binary.LittleEndian.Uint32(body[4*i:]))
	}
	for i := range w.Log {
		w.Log[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*(n+i):]))
	}
	return w, true
}

// SpaceError reports a disk that a file does not fit on.
type SpaceError struct {
	Path       string
	Want, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("teacher logits: %s takes %s, and the disk has %s free", e.Path, bytesize.Format(e.Want), bytesize.Format(e.Free))
}

// Hint lists the ways out.
func (*SpaceError) Hint() string {
	return "make room, choose a run folder on another disk with -o, or say a smaller teacher_logits.top_k; fewer steps or a smaller batch_size take less"
}

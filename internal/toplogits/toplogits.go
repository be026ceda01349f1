// Package toplogits keeps the most likely next tokens of a teacher on disk: of each
// token of a window of text the K highest log-probabilities, and that of all other
// tokens together.
//
//   - [Window.Select] takes them from a row of logits.
//   - [Open] opens or makes a [File], with a place for each window of an epoch. Windows
//     are written in any order and read when they are needed again.
//
// Each window has a checksum of its own: what a kill or a power cut left half written
// is as if it were not there, and is made again.
//
// # Limits
//
// A stand-in for the whole distribution that is blind within what is left: the
// divergence from the K+1 numbers is at most that from all V, the difference is what
// the student gets wrong among tokens outside of the K, and no gradient says so. All of
// them together keep their share, so that the K are not made too likely.
//
// One process at a time. 8·K + 4 bytes per token.
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
)

// Window is what is kept of one window of T tokens.
type Window struct {
	IDs []int32   // [T, K], most likely first
	Log []float32 // [T, K+1], log p of each, and last of all others together
}

// least bounds log p of what is left, where the K have all of the probability.
const least = -100

// Select appends a token's K most likely tokens to w, of its logits over the
// vocabulary divided by the temperature. Of equal ones the lower id comes first.
// Sums are in float64.
func (w *Window) Select(logits []float32, k int, temperature float64) {
	top := make([]int32, 0, k+1)
	for id, x := range logits {
		if len(top) == k && x <= logits[top[k-1]] {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, x, func(i int32, x float32) int {
			if logits[i] >= x { // those before stay before
				return -1
			}
			return 1
		})
		top = slices.Insert(top, at, int32(id))
		top = top[:min(len(top), k)]
	}
	scaled := func(x float32) float64 { return float64(x) / temperature }
	most := scaled(logits[top[0]])
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(scaled(x) - most)
	}
	kept := 0.0
	for _, id := range top {
		kept += math.Exp(scaled(logits[id]) - most)
		w.Log = append(w.Log, float32(scaled(logits[id])-most-math.Log(sum)))
	}
	w.IDs = append(w.IDs, top...)
	w.Log = append(w.Log, float32(math.Max(math.Log((sum-kept)/sum), least)))
}

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

func (l Layout) record() int64 { return int64(l.Tokens)*int64(8*l.K+4) + 4 }

// The header: what the file is, its layout, and the key.
const (
	magic      = "toplogit"
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
}

// Open opens the file of a path or, where there is none or one of another layout or
// key, makes one without windows. Places that are not written take no room on most
// disks.
func Open(path string, l Layout, key Key) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	f := &File{l, file}
	header := l.header(key)
	was := make([]byte, len(header))
	if _, err := file.ReadAt(was, 0); err == nil && slices.Equal(was, header) {
		return f, nil
	}
	// Emptied first: a kill in between leaves no window under the wrong header.
	if err = file.Truncate(0); err == nil {
		_, err = file.WriteAt(header, 0)
	}
	if err != nil {
		_ = file.Close() // the first error counts
		return nil, fmt.Errorf("teacher logits: %w", err)
	}
	return f, nil
}

var table = crc32.MakeTable(crc32.Castagnoli)

// Read returns a window of the epoch; ok is false where it is not there.
func (f *File) Read(window int) (w Window, ok bool, err error) {
	data := make([]byte, f.layout.record())
	if _, err := f.file.ReadAt(data, f.place(window)); errors.Is(err, io.EOF) {
		return Window{}, false, nil
	} else if err != nil {
		return Window{}, false, fmt.Errorf("teacher logits: %w", err)
	}
	w, ok = f.layout.decode(data)
	return w, ok, nil
}

// Write puts a window in its place.
func (f *File) Write(window int, w Window) error {
	if window < 0 || window >= f.layout.Windows {
		return fmt.Errorf("teacher logits: window %d of %d", window, f.layout.Windows)
	}
	if _, err := f.file.WriteAt(f.layout.encode(w), f.place(window)); err != nil {
		return fmt.Errorf("teacher logits: %w", err)
	}
	return nil
}

// SpaceError reports a disk that a file does not fit on.
type SpaceError struct {
	Path       string
	Want, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("teacher logits: %s takes %d MiB, and the disk has %d MiB free", e.Path, e.Want>>20+1, e.Free>>20)
}

// Hint lists the ways out.
func (*SpaceError) Hint() string {
	return "make room, choose a run folder on another disk with -o, or say a smaller teacher_logits.top_k; fewer steps or a smaller batch_size take less"
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

func (f *File) place(window int) int64 { return headerSize + int64(window)*f.layout.record() }

func (l Layout) encode(w Window) []byte {
	data := make([]byte, 0, l.record())
	for _, id := range w.IDs {
		data = binary.LittleEndian.AppendUint32(data, uint32(id))
	}
	for _, x := range w.Log {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, table))
}

// decode reads a window; ok is false where the checksum is not that of the bytes.
func (l Layout) decode(data []byte) (w Window, ok bool) {
	if int64(len(data)) != l.record() {
		return Window{}, false
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, table) != sum {
		return Window{}, false
	}
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

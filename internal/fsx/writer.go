package fsx

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// pieceSize is how much is written at a time, of whole pages of the file: Linux looks
	// for memory of the size of a write in one stretch, and what is not whole it writes
	// twice.
	pieceSize = 64 << 10

	// earlyEvery is how much begins its way to the disk at a time.
	earlyEvery = 32 << 20
)

// Align is what the place of bytes in a file is best compared by: [Writer.CopyFrom] is
// fastest where both places leave the same rest.
const Align = 4 << 10

// Writer writes a new file from its beginning on, for gigabytes. Flush must end it.
type Writer struct {
	f           *os.File
	piece       []byte // what is not written yet
	done, begun int64  // bytes written, and those whose way to the disk has begun
	early       bool
	err         error
}

// NewWriter returns a writer of an empty file. If early is set, what is written goes to
// the disk meanwhile, so that little is left to wait for when the file is synced.
func NewWriter(f *os.File, early bool) *Writer {
	return &Writer{f: f, piece: make([]byte, 0, pieceSize), early: early}
}

// Reserve finds room on the disk for a file of n bytes, which is then written faster. No
// room is an error; where a file system does not tell, there may be none later.
func (w *Writer) Reserve(n int64) error {
	if n > 0 {
		w.err = reserve(w.f, n)
	}
	return w.err
}

// room is what is free of the piece at hand, which ends where pieces of the file end.
func (w *Writer) room() []byte {
	n := len(w.piece)
	return w.piece[n : pieceSize-int(w.done%pieceSize)]
}

// took takes n bytes that are in the room now.
func (w *Writer) took(n int) {
	w.piece = w.piece[:len(w.piece)+n]
	if len(w.room()) == 0 {
		_ = w.Flush()
	}
}

// Write copies p, also where that could be spared: a write from a mapped file stops at
// each page that is not in memory yet, and what was made ready for the rest is wasted.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && w.err == nil {
		n := copy(w.room(), p[written:])
		w.took(n)
		written += n
	}
	return written, w.err
}

// CopyFrom writes n bytes of a file, those from offset on. Linux copies by itself what
// lies in whole pages in both, as when the places have the same rest by [Align]: any
// other page it would touch twice.
func (w *Writer) CopyFrom(src *os.File, offset, n int64) error {
	at := w.done + int64(len(w.piece))
	head := -at & (pieceSize - 1)
	if n-head >= pieceSize && (at-offset)%Align == 0 {
		if err := w.read(src, offset, head); err != nil {
			return err
		}
		copied, err := w.copyPieces(src, offset+head, (n-head)/pieceSize*pieceSize)
		if err != nil {
			return err
		}
		offset, n = offset+head+copied, n-head-copied
	}
	return w.read(src, offset, n)
}

// copyPieces lets the system copy. What it leaves, for whatever reason, is to be read and
// written, and fails then if it must.
func (w *Writer) copyPieces(src *os.File, offset, n int64) (copied int64, err error) {
	if err := w.Flush(); err != nil {
		return 0, err
	}
	for copied < n {
		m := copyRange(w.f, src, offset+copied, min(earlyEvery, n-copied))
		if m == 0 {
			break
		}
		copied += m
		w.wrote(m)
	}
	return copied, nil
}

func (w *Writer) read(src *os.File, offset, n int64) error {
	for n > 0 && w.err == nil {
		room := w.room()
		m, err := src.ReadAt(room[:min(int64(len(room)), n)], offset)
		switch {
		case m == 0 && errors.Is(err, io.EOF):
			return fmt.Errorf("read %s: %w", src.Name(), io.ErrUnexpectedEOF)
		case m == 0 && err != nil:
			return err
		}
		w.took(m)
		offset, n = offset+int64(m), n-int64(m)
	}
	return w.err
}

// Flush writes what Write has left.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.piece) == 0 {
		return w.err
	}
	var n int
	n, w.err = w.f.Write(w.piece)
	w.piece = w.piece[:0]
	w.wrote(int64(n))
	return w.err
}

func (w *Writer) wrote(n int64) {
	if w.done += n; w.early && w.done-w.begun >= earlyEvery {
		beginSync(w.f, w.begun, w.done-w.begun)
		w.begun = w.done
	}
}

package fsx

import "os"

const (
	// pieceSize is how much is written at a time, of whole pages of the file: Linux looks
	// for memory of the size of a write in one stretch, and what is not whole it writes
	// twice.
	pieceSize = 64 << 10

	// earlyEvery is how much begins its way to the disk at a time.
	earlyEvery = 32 << 20
)

// Writer writes a new file from its beginning on, for gigabytes: what it writes goes to
// the disk meanwhile, so that little is left to wait for when the file is synced. Flush
// must end it.
type Writer struct {
	f           *os.File
	piece       []byte // what is not written yet
	done, begun int64  // bytes written, and those whose way to the disk has begun
	err         error
}

// NewWriter returns a writer of an empty file.
func NewWriter(f *os.File) *Writer { return &Writer{f: f, piece: make([]byte, 0, pieceSize)} }

// Write copies p, also where that could be spared: a write from a mapped file stops at
// each page that is not in memory yet, and what was made ready for the rest is wasted.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && w.err == nil {
		n := copy(w.piece[len(w.piece):pieceSize], p[written:])
		w.piece, written = w.piece[:len(w.piece)+n], written+n
		if len(w.piece) == pieceSize {
			_ = w.Flush()
		}
	}
	return written, w.err
}

// Flush writes what Write has left.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	var n int
	n, w.err = w.f.Write(w.piece)
	w.piece = w.piece[:0]
	if w.done += int64(n); w.done-w.begun >= earlyEvery {
		BeginSync(w.f, w.begun, w.done-w.begun)
		w.begun = w.done
	}
	return w.err
}

package fsx

import (
	"io"
	"os"
)

const (
	// pieceSize is how much is written at a time. Linux looks for memory of the size of
	// a write in one stretch, which beyond this can take longer than the copying.
	pieceSize = 256 << 10

	// earlyEvery is how much begins its way to the disk at a time.
	earlyEvery = 32 << 20
)

// NewWriter returns a writer of a new file from its beginning on, for gigabytes: what
// it writes goes to the disk meanwhile, so that little is left to wait for when the
// file is synced.
func NewWriter(f *os.File) io.Writer { return &writer{f: f} }

type writer struct {
	f           *os.File
	done, begun int64 // bytes written, and those whose way to the disk has begun
}

func (w *writer) Write(p []byte) (int, error) {
	var written int
	for written < len(p) {
		n := min(pieceSize-int(w.done%pieceSize), len(p)-written)
		n, err := w.f.Write(p[written : written+n])
		written += n
		w.done += int64(n)
		if err != nil {
			return written, err
		}
		if w.done-w.begun >= earlyEvery {
			BeginSync(w.f, w.begun, w.done-w.begun)
			w.begun = w.done
		}
	}
	return written, nil
}

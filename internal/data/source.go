package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// sizeOf adds up the files, which must be there.
func sizeOf(sources []Source) (int64, error) {
	var size int64
	for _, s := range sources {
		info, err := os.Stat(s.Path)
		if err != nil {
			return 0, err
		}
		if info.IsDir() {
			return 0, fmt.Errorf("%s: is a folder, want a file", s.Path)
		}
		size += info.Size()
	}
	return size, nil
}

// encodeAll writes the marks of all documents of the sources.
func encodeAll(enc Encoding, sources []Source, to io.Writer) (totals, error) {
	w := &markWriter{w: bufio.NewWriterSize(to, 1<<16)}
	for _, s := range sources {
		before := w.tokens
		if err := read(s, func(r row) error {
			ids, counts, err := enc.encode(r)
			if err == nil {
				err = w.document(ids, counts)
			}
			return err
		}); err != nil {
			return totals{}, err
		}
		if w.tokens == before {
			return totals{}, fmt.Errorf("%s: got no text, want at least one document", s.Path)
		}
	}
	if w.counted == 0 {
		return totals{}, errors.New("no token counts for the loss: want a turn of the assistant, a completion or text")
	}
	return w.totals, w.w.Flush()
}

// read calls yield with each document of a file. An error of yield is placed in it.
func read(s Source, yield func(row) error) error {
	f, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	name := strings.ToLower(s.Path)
	rows := []string{".parquet", ".jsonl", ".jsonl.gz"}
	if s.Separator != "" && slices.ContainsFunc(rows, func(ext string) bool { return strings.HasSuffix(name, ext) }) {
		return fmt.Errorf("%s: got a separator, which is for text: every row is a document", s.Path)
	}
	if strings.HasSuffix(name, ".parquet") {
		return readParquet(s.Path, f, yield)
	}
	var in io.Reader = f
	if bare, zipped := strings.CutSuffix(name, ".gz"); zipped {
		name = bare
		z, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
		in = z
	}
	if in, err = withoutMark(in); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	if strings.HasSuffix(name, ".jsonl") {
		return readJSONL(s.Path, in, yield)
	}
	return readText(s, in, yield)
}

// withoutMark passes over the byte order mark that some programs put before UTF-8.
func withoutMark(in io.Reader) (io.Reader, error) {
	const mark = "\uFEFF"
	r := bufio.NewReaderSize(in, 1<<16)
	begin, err := r.Peek(len(mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(begin) == mark {
		_, err = r.Discard(len(mark))
		return r, err
	}
	return r, nil
}

// markWriter writes tokens as marks and adds up what it wrote.
type markWriter struct {
	w *bufio.Writer
	totals
}

// document writes one document; counts is nil where every token counts.
func (w *markWriter) document(ids []int, counts []bool) error {
	var b [markSize]byte
	for i, id := range ids {
		mark := uint32(id) & idOfMark
		w.highest = max(w.highest, int64(mark))
		if i == 0 {
			mark |= starts
			w.documents++
		}
		if counts == nil || counts[i] {
			w.counted++
		} else {
			mark |= silent
		}
		binary.LittleEndian.PutUint32(b[:], mark)
		if _, err := w.w.Write(b[:]); err != nil {
			return &storeError{err}
		}
	}
	w.tokens += int64(len(ids))
	return nil
}

// storeError is a failure to keep tokens, which is no fault of a line.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// at places an error of a document in its file.
func at(path, unit string, n int, err error) error {
	if _, ok := errors.AsType[*storeError](err); ok {
		return err
	}
	return fmt.Errorf("%s:%s%d: %w", path, unit, n, err)
}

// Package metrics keeps the record of a run: one [Event] as a JSON object per line in
// metrics.jsonl, appended as things happen.
//
// That [Log] is the truth. A [Sink], [CSV] or [TensorBoard], says the same in another
// format: it is written anew from the log when a run starts, and then follows it.
//
// # Limits
//
// One process writes; others may read up to the size of the last [Log.Sync]. What was
// written after it is cut off by the next [Open].
package metrics

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Log appends events to a file.
type Log struct {
	path string
	file *os.File
	size int64
}

// Open opens the log at path, creating it where there is none, and cuts it to
// size bytes: what a run wrote after its last save did not happen.
func Open(path string, size int64) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("%s: has %d bytes, want at least %d: lines of the run are missing", path, info.Size(), size)
	}
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open metrics: %w", err), file.Close())
	}
	return &Log{path: path, file: file, size: size}, nil
}

// Write appends one event, a line that the system may still hold: see [Log.Sync].
func (l *Log) Write(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	n, err := l.file.Write(append(line, '\n'))
	l.size += int64(n)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// Sync makes everything written so far durable and returns the log's size, which
// a later [Open] takes.
func (l *Log) Sync() (int64, error) {
	if err := l.file.Sync(); err != nil {
		return 0, fmt.Errorf("sync metrics: %w", err)
	}
	return l.size, nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Size is the length of what has been written.
func (l *Log) Size() int64 { return l.size }

// Read returns the first size bytes of a log as events; a log that is not there has none.
func Read(path string, size int64) ([]Event, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	var events []Event
	lines := bufio.NewReader(file)
	for at, n := int64(0), 1; at < size; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s:%d: the file is cut off: it has %d bytes of whole lines, want at least %d", path, n, at, size)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		events = append(events, e)
		at += int64(len(line))
	}
	return events, nil
}

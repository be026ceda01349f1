package distill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// scanned is what scanning the metrics found beside the evaluations and the save.
type scanned struct {
	event Event // the last
	bytes int64 // of whole lines
}

// scan goes through the metrics. Of the steps, which are most of them, it reads the
// last; a line that is still being written is none, and a save beyond what the state
// knows was not made good.
func (st *Status) scan(known int64) (scanned, error) {
	var found scanned
	path := filepath.Join(st.Run, metricsName)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	defer func() { _ = file.Close() }() // read only
	lines := bufio.NewReaderSize(file, 1<<18)
	var line, step []byte // used again and again: runs are long
	number, at := 0, 0    // of the line, and of the step
	for {
		line, err = nextLine(lines, line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found, err
		}
		found.bytes += int64(len(line))
		number++
		if bytes.HasPrefix(line, []byte(`{"event":"step"`)) {
			step, line, at = line, step, number
			continue
		}
		if found.event, err = parseEvent(path, number, line); err != nil {
			return found, err
		}
		st.note(found.event, found.bytes <= known)
	}
	st.Updated = found.event.Time
	if step == nil {
		return found, nil
	}
	e, err := parseEvent(path, at, step)
	if err != nil {
		return found, err
	}
	newest := !found.event.Time.After(e.Time)
	if newest || found.event.Event != "layer" {
		st.Loss, st.TokensPerSec = e.Loss, e.TokensPerSec
	}
	if newest {
		found.event, st.Updated = e, e.Time
	}
	return found, nil
}

// nextLine reads a line into the memory of an earlier one. The error is io.EOF where no
// whole line is left.
func nextLine(r *bufio.Reader, line []byte) ([]byte, error) {
	line = line[:0]
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// parseEvent reads a line of the metrics at path, which is the number-th.
func parseEvent(path string, number int, line []byte) (e Event, err error) {
	if err = json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("%s:%d: %w", path, number, err)
	}
	return e, nil
}

// note takes an event that is no step. Of a save it is told whether the state knows of it.
func (st *Status) note(e Event, known bool) {
	switch {
	case e.Event == "save":
		st.Layers, st.Parts = 0, nil
		if known {
			st.Save = &e
		}
	case e.Event == "layer":
		st.Layers++
		st.Parts, st.TokensPerSec = e.Parts, e.TokensPerSec
	case e.Event == "eval" && e.Model == "teacher":
		st.Teacher = &e
	case e.Event == "eval":
		st.Student = &e
	}
}

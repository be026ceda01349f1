package metrics

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Sink is a copy of the log in another format.
type Sink interface {
	Write(e Event) error // appends an event
	Close() error
}

// columns of every CSV, before those of the parts. What an event has not is empty.
var columns = []struct {
	name string
	cell func(Event) string
}{
	{"event", func(e Event) string { return e.Event }},
	{"stage", func(e Event) string { return e.Stage }},
	{"step", func(e Event) string { return strconv.Itoa(e.Step) }},
	{"time", func(e Event) string {
		if e.Time.IsZero() {
			return ""
		}
		return e.Time.UTC().Format(time.RFC3339Nano)
	}},
	{"loss", func(e Event) string { return number(e.Loss, e.Event == "step") }},
	{"grad_norm", func(e Event) string { return number(e.GradNorm, e.Event == "step") }},
	{"learning_rate", func(e Event) string { return number(e.LearningRate, e.Event == "step") }},
	{"tokens", func(e Event) string { return number(float64(e.Tokens), e.Event != "save") }},
	{"tokens_per_second", func(e Event) string { return number(e.TokensPerSec, e.TokensPerSec > 0) }},
	{"model", func(e Event) string { return e.Model }},
	{"nats_per_token", func(e Event) string { return number(e.Nats, e.Event == "eval") }},
	{"stderr", func(e Event) string { return number(e.StdErr, e.Event == "eval") }},
	{"path", func(e Event) string { return e.Path }},
}

func number(x float64, has bool) string {
	if !has {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// csvFile is the log as comma-separated values: a row per event and a column per
// value. Stages differ in their parts: an event with a part that has no column yet
// makes the file anew, with one.
type csvFile struct {
	path  string
	parts []string
	rows  func() ([]Event, error)
	file  *os.File
}

// CSV makes the file at path hold the events that rows returns, and appends to it
// from then on. Rows is asked again when the file needs another column; an event that
// is given to Write is among its rows already.
func CSV(path string, rows func() ([]Event, error)) (Sink, error) {
	c := &csvFile{path: path, rows: rows}
	if err := c.remake(); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return c, nil
}

// remake writes all rows anew, under a header with the columns that they need.
func (c *csvFile) remake() error {
	events, err := c.rows()
	if err != nil {
		return err
	}
	for _, e := range events {
		c.learn(e)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var header []string
	for _, column := range columns {
		header = append(header, column.name)
	}
	err = w.Write(append(header, c.parts...))
	for _, e := range events {
		err = errors.Join(err, w.Write(c.row(e)))
	}
	w.Flush()
	if err := errors.Join(err, w.Error()); err != nil {
		return err
	}
	if err := errors.Join(c.Close(), fsx.WriteFile(c.path, b.Bytes(), 0o644)); err != nil {
		return err
	}
	c.file, err = os.OpenFile(c.path, os.O_APPEND|os.O_WRONLY, 0)
	return err
}

// learn gives an event's parts columns, and reports whether one is new.
func (c *csvFile) learn(e Event) bool {
	fresh := slices.DeleteFunc(slices.Collect(maps.Keys(e.Parts)), func(p string) bool { return slices.Contains(c.parts, p) })
	slices.SortFunc(fresh, func(a, b string) int { // mse_2 before mse_10
		if len(a) != len(b) && strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	c.parts = append(c.parts, fresh...)
	return len(fresh) > 0
}

func (c *csvFile) row(e Event) []string {
	var row []string
	for _, column := range columns {
		row = append(row, column.cell(e))
	}
	for _, name := range c.parts {
		x, has := e.Parts[name]
		row = append(row, number(x, has))
	}
	return row
}

// Write appends an event.
func (c *csvFile) Write(e Event) error {
	if c.learn(e) {
		if err := c.remake(); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
		return nil
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	err := w.Write(c.row(e))
	w.Flush()
	if err == nil {
		_, err = c.file.Write(b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// Close closes the file.
func (c *csvFile) Close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxProblems bounds how many problems of one file are told.
const maxProblems = 20

// document is a JSON file being read; it gathers every problem found in it.
type document struct {
	name     string
	problems []error
	more     int // problems beyond maxProblems
}

func (d *document) failed() bool { return len(d.problems) > 0 }

func (d *document) err() error {
	if d.more > 0 {
		return errors.Join(append(d.problems, fmt.Errorf("%s: and %d more problems", d.name, d.more))...)
	}
	return errors.Join(d.problems...)
}

func (d *document) root(data []byte) node {
	n := node{doc: d, raw: data}
	// One pass over the whole file finds malformed JSON before its parts are read.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		n.fail("read JSON: %v", err)
		n.raw = nil
	}
	return n
}

// node is one value of the file with the path that names it; raw is nil when
// the file has no such value.
type node struct {
	doc  *document
	path string
	raw  json.RawMessage
}

func (n node) fail(format string, args ...any) {
	if len(n.doc.problems) == maxProblems {
		n.doc.more++
		return
	}
	place := n.doc.name
	if n.path != "" {
		place += ": " + n.path
	}
	n.doc.problems = append(n.doc.problems, fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...)))
}

// unsupported fails with the value and what may stand in its place.
func (n node) unsupported(supported ...string) {
	n.fail("%s is not supported; supported: %s", n.shown(), strings.Join(supported, ", "))
}

// shown is the value as it stands in the file, cut when it is long.
func (n node) shown() string {
	if n.raw == nil {
		return "a missing value"
	}
	const limit = 60
	var b bytes.Buffer
	if err := json.Compact(&b, n.raw); err != nil {
		return "a malformed value"
	}
	if r := []rune(b.String()); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return b.String()
}

// null reports whether the value is absent or null.
func (n node) null() bool { return n.raw == nil || string(bytes.TrimSpace(n.raw)) == "null" }

// decode reads the value as a T; want names T in the error.
func decode[T any](n node, want string) (v T) {
	if n.null() {
		n.fail("missing, want %s", want)
		return v
	}
	if err := json.Unmarshal(n.raw, &v); err != nil {
		var zero T
		n.fail("want %s, got %s", want, n.shown())
		return zero
	}
	return v
}

func (n node) text() string  { return decode[string](n, "a string") }
func (n node) boolean() bool { return decode[bool](n, "true or false") }
func (n node) integer() int  { return decode[int](n, "a whole number") }

// booleanOr reads a value that may be left out.
func (n node) booleanOr(fallback bool) bool {
	if n.null() {
		return fallback
	}
	return n.boolean()
}

// list reads an array.
func (n node) list() []node {
	raws := decode[[]json.RawMessage](n, "a list")
	nodes := make([]node, len(raws))
	for i, raw := range raws {
		nodes[i] = node{doc: n.doc, path: n.path + "[" + strconv.Itoa(i) + "]", raw: raw}
	}
	return nodes
}

// object reads an object; keys that are not known are problems.
func (n node) object(known ...string) object {
	fields := decode[map[string]json.RawMessage](n, "an object")
	o := object{at: n, fields: fields}
	for _, key := range sortedKeys(fields) {
		if !slices.Contains(known, key) {
			o.get(key).fail("unknown key; known: %s", strings.Join(known, ", "))
		}
	}
	return o
}

// kind reads the "type" of an object.
func (n node) kind() (string, node) {
	o := object{at: n, fields: decode[map[string]json.RawMessage](n, "an object")}
	if o.fields == nil {
		return "", n
	}
	at := o.get("type")
	return at.text(), at
}

type object struct {
	at     node
	fields map[string]json.RawMessage
}

// get returns the value of a key, with raw nil when it is absent.
func (o object) get(key string) node {
	path := key
	if o.at.path != "" {
		path = o.at.path + "." + key
	}
	return node{doc: o.at.doc, path: path, raw: o.fields[key]}
}

// sortedKeys returns a map's keys in order, so that errors come in one order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

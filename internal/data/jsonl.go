package data

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// readJSONL yields the object of each line; blank lines are passed over.
func readJSONL(path string, in io.Reader, yield func(row) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	first := form("")
	for n := 1; ; n++ {
		line, failure := r.ReadBytes('\n')
		end := errors.Is(failure, io.EOF)
		if failure != nil && !end {
			return fmt.Errorf("%s:%d: %w", path, n, failure)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := checkUTF8(path, n, line); err != nil {
				return err
			}
			x, err := parseRow(line)
			switch {
			case err == nil && first == "":
				first = x.form
			case err == nil && x.form != first:
				err = fmt.Errorf("has %s, and the lines before it %s: want one form in a file", x.form, first)
			}
			if err == nil && !x.blank() {
				err = yield(x)
			}
			if err != nil {
				return at(path, "", n, err)
			}
		}
		if end {
			return nil
		}
	}
}

// parseRow reads one line of JSON.
func parseRow(line []byte) (row, error) {
	var object map[string]json.RawMessage
	if kind := kindOf(line); kind != "an object" && json.Valid(line) {
		return row{}, fmt.Errorf("is %s, want a JSON object", kind)
	}
	if err := json.Unmarshal(line, &object); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return row{}, fmt.Errorf("is not JSON: byte %d: %w", e.Offset, err)
		}
		return row{}, fmt.Errorf("is not JSON: %w", err)
	}
	f, err := formOf(func(key string) bool {
		raw, ok := object[key]
		return ok && string(raw) != "null"
	}, slices.Sorted(maps.Keys(object)))
	if err != nil {
		return row{}, err
	}
	x := row{form: f}
	switch f {
	case formText:
		err = text(object, "text", &x.text)
	case formAnswer:
		err = errors.Join(text(object, "prompt", &x.prompt), text(object, "completion", &x.completion))
	case formChat:
		x.messages, err = messages(object["messages"])
	}
	if err == nil {
		err = x.check()
	}
	return x, err
}

// text reads a string.
func text(object map[string]json.RawMessage, key string, into *string) error {
	raw, ok := object[key]
	if !ok {
		return fmt.Errorf("has no %s, want a string", key)
	}
	if raw[0] != '"' {
		return fmt.Errorf("%s is %s, want a string", key, kindOf(raw))
	}
	return json.Unmarshal(raw, into)
}

func messages(raw json.RawMessage) ([]chat.Message, error) {
	if raw[0] != '[' {
		return nil, fmt.Errorf("messages is %s, want a list", kindOf(raw))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var all []chat.Message
	for i, raw := range list {
		var object map[string]json.RawMessage
		if raw[0] != '{' {
			return nil, fmt.Errorf("messages[%d] is %s, want an object with role and content", i, kindOf(raw))
		}
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, err
		}
		if calls, ok := object["tool_calls"]; ok && string(calls) != "null" {
			return nil, fmt.Errorf("messages[%d] has tool_calls, which are not supported", i)
		}
		var m chat.Message
		if err := errors.Join(text(object, "role", &m.Role), text(object, "content", &m.Content)); err != nil {
			return nil, fmt.Errorf("messages[%d]: %s", i, strings.ReplaceAll(err.Error(), "\n", ", "))
		}
		all = append(all, m)
	}
	return all, nil
}

// kindOf names what a JSON value is by its first byte.
func kindOf(raw []byte) string {
	switch raw[0] {
	case '"':
		return "a string"
	case '[':
		return "a list"
	case '{':
		return "an object"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

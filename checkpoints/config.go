package checkpoints

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Config is a config.json. Every key keeps its place and its text: what nobody
// changes is written as it was read.
type Config struct {
	keys   []string
	values map[string]jsontext.Value
}

// NewConfig returns a config without keys.
func NewConfig() *Config { return &Config{values: map[string]jsontext.Value{}} }

// ParseConfig reads a JSON object. Duplicate keys are errors, at every depth. The
// bare Infinity, -Infinity and NaN of older Python writers become what newer ones
// write: {"__float__": "Infinity"}.
func ParseConfig(data []byte) (*Config, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(quoteNonFinite(data)))
	if kind := dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return nil, fmt.Errorf("parse config: got a JSON %s, want an object", kind)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, configError(err)
	}
	c := NewConfig()
	for dec.PeekKind() != jsontext.KindEndObject {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, configError(err)
		}
		key := token.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, configError(err)
		}
		c.put(key, value.Clone())
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, configError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse config: more than one JSON value")
	}
	return c, nil
}

func configError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("parse config: %w", err)
}

func (c *Config) put(key string, value jsontext.Value) {
	if _, ok := c.values[key]; !ok {
		c.keys = append(c.keys, key)
	}
	c.values[key] = value
}

// Get reads a key into what into points at, as encoding/json does, and reports
// whether the key is there. A key of null is there and leaves *into as it was, so a
// default set beforehand serves for absent and null alike.
func (c *Config) Get(key string, into any) (found bool, err error) {
	value, ok := c.values[key]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, fmt.Errorf("config.json: %s is %s: %w", key, brief(value), err)
	}
	return true, nil
}

// brief keeps error messages to one short line.
func brief(v jsontext.Value) string {
	const most = 60
	v = v.Clone() // Compact works in place
	if err := v.Compact(); err != nil || len(v) <= most {
		return string(v)
	}
	return string(v[:most]) + "…"
}

// Set gives a key a value, in its old place or at the end.
func (c *Config) Set(key string, value any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("config.json: set %s: %w", key, err)
	}
	c.put(key, jsontext.Value(bytes.TrimSpace(b.Bytes())))
	return nil
}

// Delete removes a key, if it is there.
func (c *Config) Delete(key string) {
	delete(c.values, key)
	c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == key })
}

// Keys returns the top-level keys in order.
func (c *Config) Keys() []string { return slices.Clone(c.keys) }

// Clone returns a copy to change.
func (c *Config) Clone() *Config {
	return &Config{keys: slices.Clone(c.keys), values: maps.Clone(c.values)} // values are replaced, never written into
}

// Bytes returns the JSON text, indented by two spaces, with a final newline.
func (c *Config) Bytes() []byte {
	if len(c.keys) == 0 {
		return []byte("{}\n")
	}
	var raw bytes.Buffer
	for i, key := range c.keys {
		raw.WriteByte("{,"[min(i, 1)])
		quoted, _ := jsontext.AppendQuote(nil, key) // replaces invalid UTF-8, which no parsed key holds
		raw.Write(quoted)
		raw.WriteByte(':')
		raw.Write(c.values[key])
	}
	raw.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, raw.Bytes(), "", "  "); err != nil {
		panic(fmt.Sprintf("checkpoints: config holds invalid JSON: %v", err)) // Set and ParseConfig let none in
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// quoteNonFinite replaces the bare words, outside strings.
func quoteNonFinite(data []byte) []byte {
	if !bytes.Contains(data, []byte("Infinity")) && !bytes.Contains(data, []byte("NaN")) {
		return data
	}
	var out bytes.Buffer
	inString := false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case inString && b == '\\' && i+1 < len(data):
			out.Write(data[i : i+2])
			i++
			continue
		case b == '"':
			inString = !inString
		case !inString:
			if word := nonFinite(data[i:]); word != "" {
				fmt.Fprintf(&out, `{"__float__": %q}`, word)
				i += len(word) - 1
				continue
			}
		}
		out.WriteByte(data[i])
	}
	return out.Bytes()
}

func nonFinite(data []byte) string {
	for _, word := range []string{"-Infinity", "Infinity", "NaN"} {
		if bytes.HasPrefix(data, []byte(word)) {
			return word
		}
	}
	return ""
}

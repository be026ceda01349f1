package jinja

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// A value is nil (none), bool, int64, float64, string, []any (a list), tuple, *Dict,
// *namespace, *loop, *function or undefined.
type (
	tuple     []any
	namespace struct{ Dict }
	// undefined is what a name or a key that is not there gives; most uses of it are
	// errors, and this says why.
	undefined struct{ why string }
	function  struct {
		name string
		call func(*interp, args) (any, error)
	}
	// loop is the variable of that name in a for block.
	loop struct {
		items []any
		i     int
	}
)

func (u undefined) err() error { return errors.New(u.why) }

// Dict is a mapping that keeps the order of its keys.
type Dict struct {
	keys   []any
	values map[any]any
}

// NewDict returns the mapping of these keys and values, by turns; each is a value as
// [Template.Execute] takes them, a key a string.
func NewDict(pairs ...any) *Dict {
	d := &Dict{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.put(pairs[i], pairs[i+1])
	}
	return d
}

func (d *Dict) put(key, v any) {
	if d.values == nil {
		d.values = map[any]any{}
	}
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
}

// hashable returns a value as a key: numbers that are equal are one key.
func hashable(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, int64:
		return v, nil
	case bool:
		return number01(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		return v, nil
	default:
		return nil, fmt.Errorf("%s cannot be a key", typeName(v))
	}
}

func (d *Dict) get(key any) (any, bool) {
	k, err := hashable(key)
	if err != nil {
		return nil, false
	}
	v, ok := d.values[k]
	return v, ok
}

func number01(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// typeName is Python's name for a value's type.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "none"
	case bool:
		return "a bool"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any:
		return "a list"
	case tuple:
		return "a tuple"
	case *Dict:
		return "a dict"
	case *namespace:
		return "a namespace"
	case *loop:
		return "the loop"
	case *function:
		return "a function"
	default:
		return "an undefined value"
	}
}

// truth is whether an if takes the value for true.
func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case *Dict:
		return len(v.keys) > 0
	default:
		return true
	}
}

// str is what {{ }} writes.
func (in *interp) str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case undefined:
		return "", nil
	default:
		var b strings.Builder
		err := in.repr(&b, v)
		return b.String(), err
	}
}

// repr writes a value as Python does inside of a list.
func (in *interp) repr(b *strings.Builder, v any) error {
	if err := in.enter(); err != nil {
		return err
	}
	defer func() { in.depth-- }()
	from := b.Len()
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		quote(b, v)
	case undefined:
		b.WriteString("Undefined")
	case []any:
		return in.reprAll(b, "[", v, "]")
	case tuple:
		if len(v) == 1 {
			return in.reprAll(b, "(", v, ",)")
		}
		return in.reprAll(b, "(", v, ")")
	case *Dict:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := in.repr(b, k); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := in.repr(b, v.values[k]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	default:
		return fmt.Errorf("%s cannot be written", typeName(v))
	}
	return in.spend(b.Len() - from)
}

func (in *interp) reprAll(b *strings.Builder, before string, items []any, after string) error {
	b.WriteString(before)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := in.repr(b, item); err != nil {
			return err
		}
	}
	b.WriteString(after)
	return nil
}

// quote writes a string as Python's repr does.
func quote(b *strings.Builder, s string) {
	mark := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = '"'
	}
	b.WriteRune(mark)
	for _, r := range s {
		switch {
		case r == mark || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteRune(mark)
}

// floatRepr is the shortest text that reads back as the number.
func floatRepr(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case math.IsNaN(v):
		return "nan"
	case v == 0 || math.Abs(v) >= 1e-4 && math.Abs(v) < 1e16:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	default:
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
}

// iterate returns what a for goes through.
func (in *interp) iterate(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case tuple:
		return v, nil
	case *Dict:
		return v.keys, nil
	case undefined:
		return nil, nil
	case string:
		if err := in.spend(stepCost * len(v)); err != nil {
			return nil, err
		}
		items := make([]any, 0, len(v))
		for _, r := range v {
			items = append(items, string(r))
		}
		return items, nil
	default:
		return nil, fmt.Errorf("%s cannot be gone through", typeName(v))
	}
}

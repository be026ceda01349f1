package jinja

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// jsonStyle is how tojson writes.
type jsonStyle struct {
	ascii     bool
	item, key string // between items, and after a key
	indent    string // nothing: all in one line
	line      bool
}

// toJSON writes a value as Python's json.dumps does.
func toJSON(in *interp, v any, a args) (any, error) {
	p, err := a.take(0, "ensure_ascii", "indent", "separators", "sort_keys")
	if err != nil {
		return nil, err
	}
	style := jsonStyle{ascii: truth(p[0]), item: ", ", key: ": "}
	switch indent := orElse(p[1], nil).(type) {
	case nil:
	case int64:
		if err := in.spend(int(min(max(indent, 0), work))); err != nil {
			return nil, err
		}
		style.line, style.indent, style.item = true, strings.Repeat(" ", int(max(indent, 0))), ","
	default:
		return nil, errors.New("indent is no integer")
	}
	if pair, ok := p[2].(tuple); ok && len(pair) == 2 {
		item, ok := pair[0].(string)
		key, also := pair[1].(string)
		if !ok || !also {
			return nil, errors.New("separators are no strings")
		}
		style.item, style.key = item, key
	} else if orElse(p[2], nil) != nil {
		return nil, errors.New("separators are not a tuple of two")
	}
	if truth(p[3]) {
		return nil, errors.New("sort_keys is not supported")
	}
	var b strings.Builder
	err = in.json(&b, v, style, "\n")
	return b.String(), err
}

func (in *interp) json(b *strings.Builder, v any, style jsonStyle, newline string) error {
	if err := in.enter(); err != nil {
		return err
	}
	defer func() { in.depth-- }()
	from := b.Len()
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool, int64:
		fmt.Fprint(b, v)
	case float64:
		s := floatRepr(v)
		switch {
		case math.IsNaN(v):
			s = "NaN"
		case math.IsInf(v, 0):
			s = strings.Replace(s, "inf", "Infinity", 1)
		}
		b.WriteString(s)
	case string:
		jsonString(b, v, style.ascii)
	case []any:
		return in.jsonAll(b, "[]", len(v), style, newline, func(i int, newline string) error { return in.json(b, v[i], style, newline) })
	case tuple:
		return in.jsonAll(b, "[]", len(v), style, newline, func(i int, newline string) error { return in.json(b, v[i], style, newline) })
	case *Dict:
		return in.jsonAll(b, "{}", len(v.keys), style, newline, func(i int, newline string) error {
			switch k := v.keys[i].(type) {
			case string:
				jsonString(b, k, style.ascii)
			case int64:
				b.WriteString(strconv.Quote(strconv.FormatInt(k, 10)))
			default:
				return fmt.Errorf("%s is no key of JSON", typeName(k))
			}
			b.WriteString(style.key)
			return in.json(b, v.values[v.keys[i]], style, newline)
		})
	default:
		return mismatch("write as JSON", v, v)
	}
	return in.spend(b.Len() - from)
}

// jsonAll writes what stands between two brackets.
func (in *interp) jsonAll(b *strings.Builder, brackets string, n int, style jsonStyle, newline string, each func(int, string) error) error {
	b.WriteByte(brackets[0])
	inner := newline + style.indent
	for i := range n {
		if i > 0 {
			b.WriteString(style.item)
		}
		if style.line {
			if err := in.spend(len(inner)); err != nil {
				return err
			}
			b.WriteString(inner)
		}
		if err := each(i, inner); err != nil {
			return err
		}
	}
	if style.line && n > 0 {
		b.WriteString(newline)
	}
	b.WriteByte(brackets[1])
	return nil
}

// jsonString writes a string with the escapes of JSON, and of ASCII if asked to.
func jsonString(b *strings.Builder, s string, ascii bool) {
	const plain = "\"\"\\\\\nn\rr\tt\bb\ff" // each before its letter
	b.WriteByte('"')
	for _, r := range s {
		i := -1
		if r < 0x80 {
			i = strings.IndexByte(plain, byte(r))
		}
		switch {
		case i >= 0 && i%2 == 0:
			b.WriteString(`\` + plain[i+1:i+2])
		case r < 0x20 || ascii && r > 0x7e && r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		case ascii && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

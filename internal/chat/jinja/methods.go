package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods are the methods of strings.
var stringMethods = map[string]builtin{
	"capitalize": textFilter(capitalize),
	"count":      ofStrings(1, func(s string, p []string) (any, error) { return int64(strings.Count(s, p[0])), nil }, "sub"),
	"endswith":   affix(strings.HasSuffix),
	"find": ofStrings(1, func(s string, p []string) (any, error) {
		i := strings.Index(s, p[0])
		if i < 0 {
			return int64(i), nil
		}
		return int64(utf8.RuneCountInString(s[:i])), nil
	}, "sub"),
	"join": func(in *interp, v any, a args) (any, error) {
		p, err := a.take(1, "iterable")
		if err != nil {
			return nil, err
		}
		items, err := in.iterate(p[0])
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if _, ok := item.(string); !ok {
				return nil, mismatch("join", item, v)
			}
		}
		return joined(in, items, args{positional: []any{v}})
	},
	"lower":        textFilter(strings.ToLower),
	"lstrip":       strip(true, false),
	"removeprefix": ofStrings(1, func(s string, p []string) (any, error) { return strings.TrimPrefix(s, p[0]), nil }, "prefix"),
	"removesuffix": ofStrings(1, func(s string, p []string) (any, error) { return strings.TrimSuffix(s, p[0]), nil }, "suffix"),
	"replace":      replace,
	"rsplit":       func(in *interp, v any, a args) (any, error) { return in.split(v, a, true) },
	"rstrip":       strip(false, true),
	"split":        func(in *interp, v any, a args) (any, error) { return in.split(v, a, false) },
	"splitlines":   splitLines,
	"startswith":   affix(strings.HasPrefix),
	"strip":        strip(true, true),
	"title":        textFilter(title),
	"upper":        textFilter(strings.ToUpper),
}

// dictMethods are the methods of mappings.
var dictMethods = map[string]builtin{
	"get": func(_ *interp, v any, a args) (any, error) {
		p, err := a.take(1, "key", "default")
		if err != nil {
			return nil, err
		}
		if got, ok := v.(*Dict).get(p[0]); ok {
			return got, nil
		}
		if len(a.positional)+len(a.names) == 1 {
			return nil, nil
		}
		return p[1], nil
	},
	"items":  parts(func(k, v any) any { return tuple{k, v} }),
	"keys":   parts(func(k, _ any) any { return k }),
	"values": parts(func(_, v any) any { return v }),
}

// parts lists something of each key and value.
func parts(of func(k, v any) any) builtin {
	return func(in *interp, v any, a args) (any, error) {
		if _, err := a.take(0); err != nil {
			return nil, err
		}
		d := v.(*Dict)
		if err := in.spend(stepCost * len(d.keys)); err != nil {
			return nil, err
		}
		all := make([]any, len(d.keys))
		for i, k := range d.keys {
			all[i] = of(k, d.values[k])
		}
		return all, nil
	}
}

// ofStrings is a method whose arguments, all of them wanted, are strings.
func ofStrings(required int, do func(s string, p []string) (any, error), params ...string) builtin {
	return func(in *interp, v any, a args) (any, error) {
		given, err := a.take(required, params...)
		if err != nil {
			return nil, err
		}
		p := make([]string, len(given))
		for i, v := range given {
			s, ok := v.(string)
			if !ok {
				return nil, mismatch("use as a string", v, v)
			}
			p[i] = s
		}
		if err := in.spend(len(v.(string))); err != nil {
			return nil, err
		}
		return do(v.(string), p)
	}
}

// affix tells whether a string begins or ends with another, or with one of a tuple.
func affix(has func(s, affix string) bool) builtin {
	return func(_ *interp, v any, a args) (any, error) {
		p, err := a.take(1, "affix")
		if err != nil {
			return nil, err
		}
		choices, ok := p[0].(tuple)
		if !ok {
			choices = tuple{p[0]}
		}
		for _, c := range choices {
			s, ok := c.(string)
			if !ok {
				return nil, mismatch("compare the ends of", v, c)
			}
			if has(v.(string), s) {
				return true, nil
			}
		}
		return false, nil
	}
}

// strip takes characters from the ends of a string: white space, or those given.
func strip(left, right bool) builtin {
	return func(in *interp, v any, a args) (any, error) {
		p, err := a.take(0, "chars")
		if err != nil {
			return nil, err
		}
		out := space
		switch chars := orElse(p[0], nil).(type) {
		case nil:
		case string:
			out = func(r rune) bool { return strings.ContainsRune(chars, r) }
		default:
			return nil, mismatch("strip", v, chars)
		}
		s := v.(string)
		if err := in.spend(len(s)); err != nil {
			return nil, err
		}
		if left {
			s = strings.TrimLeftFunc(s, out)
		}
		if right {
			s = strings.TrimRightFunc(s, out)
		}
		return s, nil
	}
}

func replace(in *interp, v any, a args) (any, error) {
	p, err := a.take(2, "old", "new", "count")
	if err != nil {
		return nil, err
	}
	s, before, after := v.(string), "", ""
	var ok, also bool
	before, ok = p[0].(string)
	after, also = p[1].(string)
	count, whole := orElse(orElse(p[2], nil), nil).(int64)
	if !whole {
		count = -1
	}
	if !ok || !also || !whole && orElse(p[2], nil) != nil {
		return nil, errors.New("want two strings, and a number")
	}
	times := strings.Count(s, before)
	if count >= 0 {
		times = int(min(int64(times), count))
	}
	if grown := len(after) - len(before); grown > 0 && times > work/grown {
		return nil, errWork
	} else if err := in.spend(len(s) + max(grown, 0)*times); err != nil {
		return nil, err
	}
	return strings.Replace(s, before, after, int(max(count, -1))), nil
}

// split cuts a string at a separator, or at white space; from the right where a
// number of cuts is given for that end.
func (in *interp) split(v any, a args, fromRight bool) (any, error) {
	p, err := a.take(0, "sep", "maxsplit")
	if err != nil {
		return nil, err
	}
	s := v.(string)
	cuts, ok := orElse(p[1], int64(-1)).(int64)
	if !ok {
		return nil, mismatch("split", v, p[1])
	}
	if err := in.spend(stepCost * len(s)); err != nil {
		return nil, err
	}
	n := int(min(max(cuts, -1), int64(len(s)))) // cuts at most; negative: all
	var found []string
	switch sep := orElse(p[0], nil).(type) {
	case nil:
		found = fields(s, n, fromRight)
	case string:
		if sep == "" {
			return nil, errors.New("the separator is empty")
		}
		found = strings.Split(s, sep)
		if over := len(found) - 1 - n; n >= 0 && over > 0 {
			if fromRight {
				found = append([]string{strings.Join(found[:over+1], sep)}, found[over+1:]...)
			} else {
				found = append(found[:n:n], strings.Join(found[n:], sep))
			}
		}
	default:
		return nil, mismatch("split", v, sep)
	}
	items := make([]any, len(found))
	for i, f := range found {
		items[i] = f
	}
	return items, nil
}

// fields cuts at runs of white space, which the ends lose.
func fields(s string, n int, fromRight bool) []string {
	all := strings.FieldsFunc(s, space)
	if n < 0 || len(all) <= n+1 {
		return all
	}
	// What is not cut keeps the white space in it.
	if fromRight {
		rest := strings.TrimRightFunc(s, space)
		for i := len(all) - 1; i >= len(all)-n; i-- {
			rest = strings.TrimRightFunc(strings.TrimSuffix(rest, all[i]), space)
		}
		return append([]string{rest}, all[len(all)-n:]...)
	}
	rest := strings.TrimLeftFunc(s, space)
	for _, f := range all[:n] {
		rest = strings.TrimLeftFunc(strings.TrimPrefix(rest, f), space)
	}
	return append(all[:n:n], rest)
}

func splitLines(in *interp, v any, a args) (any, error) {
	p, err := a.take(0, "keepends")
	if err != nil {
		return nil, err
	}
	s := v.(string)
	if err := in.spend(stepCost * len(s)); err != nil {
		return nil, err
	}
	lines := []any{}
	for s != "" {
		n := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if n < 0 {
			return append(lines, s), nil
		}
		_, size := utf8.DecodeRuneInString(s[n:])
		if strings.HasPrefix(s[n:], "\r\n") {
			size = 2
		}
		line := s[:n]
		if truth(p[0]) {
			line = s[:n+size]
		}
		lines = append(lines, line)
		s = s[n+size:]
	}
	return lines, nil
}

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
}

// title gives each run of letters a capital.
func title(s string) string {
	letter := false
	return strings.Map(func(r rune) rune {
		was := letter
		letter = unicode.IsLetter(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, s)
}

// setAttribute sets an attribute of a namespace.
func (ns *namespace) setAttribute(name string, v any) error {
	if strings.HasPrefix(name, "_") {
		return fmt.Errorf("a namespace takes no names that begin with _, got %s", name)
	}
	ns.put(name, v)
	return nil
}

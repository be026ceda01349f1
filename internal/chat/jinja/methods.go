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
	"endswith":   affix(strings.HasSuffix),
	"format":     format,
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
	"lower":      textFilter(strings.ToLower),
	"lstrip":     strip(true, false),
	"replace":    replace,
	"rstrip":     strip(false, true),
	"split":      split,
	"startswith": affix(strings.HasPrefix),
	"strip":      strip(true, true),
	"title":      textFilter(title),
	"upper":      textFilter(strings.ToUpper),
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
	s := v.(string)
	before, ok := p[0].(string)
	after, also := p[1].(string)
	count, whole := orElse(p[2], int64(-1)).(int64)
	if !ok || !also || !whole {
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

// split cuts a string at a separator, or at white space.
func split(in *interp, v any, a args) (any, error) {
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
		found = fields(s, n)
	case string:
		if sep == "" {
			return nil, errors.New("the separator is empty")
		}
		found = strings.Split(s, sep)
		if n >= 0 && len(found) > n+1 {
			found = append(found[:n:n], strings.Join(found[n:], sep))
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

// format puts the arguments, in their order, where {} stands.
func format(in *interp, v any, a args) (any, error) {
	parts := strings.Split(v.(string), "{}")
	if len(a.names) > 0 || strings.ContainsAny(strings.Join(parts, ""), "{}") {
		return nil, errors.New("only {} is supported")
	}
	if len(a.positional) < len(parts)-1 {
		return nil, fmt.Errorf("got %d arguments, want %d", len(a.positional), len(parts)-1)
	}
	var b strings.Builder
	b.WriteString(parts[0])
	for i, part := range parts[1:] {
		s, err := in.str(a.positional[i])
		if err != nil {
			return nil, err
		}
		if err := in.spend(len(s) + len(part)); err != nil {
			return nil, err
		}
		b.WriteString(s + part)
	}
	return b.String(), nil
}

// fields cuts at runs of white space, which the ends lose.
func fields(s string, n int) []string {
	all := strings.FieldsFunc(s, space)
	if n < 0 || len(all) <= n+1 {
		return all
	}
	// What is not cut keeps the white space in it.
	rest := strings.TrimLeftFunc(s, space)
	for _, f := range all[:n] {
		rest = strings.TrimLeftFunc(strings.TrimPrefix(rest, f), space)
	}
	return append(all[:n:n], rest)
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

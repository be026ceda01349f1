package jinja

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// filters are what may follow a |.
var filters = map[string]builtin{
	"capitalize": textFilter(capitalize),
	"count":      lengthOf,
	"d":          fallback,
	"default":    fallback,
	"dictsort":   sortedItems,
	"first":      func(in *interp, v any, a args) (any, error) { return in.end(v, a, 0) },
	"int":        toInt,
	"items":      itemsFilter,
	"join":       joined,
	"last":       func(in *interp, v any, a args) (any, error) { return in.end(v, a, -1) },
	"length":     lengthOf,
	"list":       toList,
	"lower":      textFilter(strings.ToLower),
	"map":        mapped,
	"reject":     func(in *interp, v any, a args) (any, error) { return in.selected(v, a, false, false) },
	"rejectattr": func(in *interp, v any, a args) (any, error) { return in.selected(v, a, true, false) },
	"replace":    replaceFilter,
	"reverse":    reversed,
	"safe":       func(_ *interp, v any, _ args) (any, error) { return v, nil },
	"select":     func(in *interp, v any, a args) (any, error) { return in.selected(v, a, false, true) },
	"selectattr": func(in *interp, v any, a args) (any, error) { return in.selected(v, a, true, true) },
	"string":     func(in *interp, v any, _ args) (any, error) { return in.str(v) },
	"title":      textFilter(title),
	"tojson":     toJSON,
	"trim":       trimFilter,
	"upper":      textFilter(strings.ToUpper),
}

// textFilter is a filter that takes its value as text.
func textFilter(change func(string) string) builtin {
	return func(in *interp, v any, a args) (any, error) {
		if _, err := a.take(0); err != nil {
			return nil, err
		}
		s, err := in.str(v)
		if err != nil {
			return nil, err
		}
		return change(s), in.spend(len(s))
	}
}

func lengthOf(_ *interp, v any, _ args) (any, error) {
	n, err := length(v)
	return int64(n), err
}

func fallback(_ *interp, v any, a args) (any, error) {
	p, err := a.take(0, "default_value", "boolean")
	if err != nil {
		return nil, err
	}
	_, missing := v.(undefined)
	if !missing && !(truth(p[1]) && !truth(v)) {
		return v, nil
	}
	if _, none := p[0].(undefined); none && len(a.positional) == 0 {
		return "", nil
	}
	return p[0], nil
}

// end returns the first or last item.
func (in *interp) end(v any, a args, i int64) (any, error) {
	if _, err := a.take(0); err != nil {
		return nil, err
	}
	items, err := in.iterate(v)
	if err != nil {
		return nil, err
	}
	return item(items, i), nil
}

func toInt(_ *interp, v any, a args) (any, error) {
	p, err := a.take(0, "default")
	if err != nil {
		return nil, err
	}
	if u, missing := v.(undefined); missing {
		return nil, u.err()
	}
	f, i, whole, ok := asNumber(v)
	if s, text := v.(string); text {
		s = strings.TrimFunc(s, space)
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		f, err = strconv.ParseFloat(s, 64)
		ok = err == nil
	}
	switch {
	case whole:
		return i, nil
	case ok && math.Abs(f) < 1<<63:
		return int64(f), nil
	}
	return orElse(p[0], int64(0)), nil
}

// orElse returns an argument, or another value where it was not given.
func orElse(v, other any) any {
	if _, missing := v.(undefined); missing {
		return other
	}
	return v
}

func itemsFilter(in *interp, v any, a args) (any, error) {
	if _, missing := v.(undefined); missing {
		return []any{}, nil
	}
	d, ok := v.(*Dict)
	if !ok {
		return nil, fmt.Errorf("%s has no items", typeName(v))
	}
	return dictMethods["items"](in, d, a)
}

// sortedItems is dictsort: keys and values by the keys, whose capitals do not count.
func sortedItems(in *interp, v any, a args) (any, error) {
	all, err := itemsFilter(in, v, a)
	if err != nil {
		return nil, err
	}
	key := func(pair any) any {
		k := pair.(tuple)[0]
		if s, ok := k.(string); ok {
			return strings.ToLower(s)
		}
		return k
	}
	var failed error
	slices.SortStableFunc(all.([]any), func(x, y any) int {
		order, err := in.order(key(x), key(y))
		failed = cmp.Or(failed, err)
		return order
	})
	return all, failed
}

func joined(in *interp, v any, a args) (any, error) {
	p, err := a.take(0, "d", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := in.iterate(v)
	if err != nil {
		return nil, err
	}
	between, err := in.str(p[0])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, v := range items {
		if _, whole := p[1].(undefined); !whole {
			if v, err = in.path(v, p[1]); err != nil {
				return nil, err
			}
		}
		if parts[i], err = in.str(v); err != nil {
			return nil, err
		}
		if err := in.spend(len(parts[i]) + len(between)); err != nil {
			return nil, err
		}
	}
	return strings.Join(parts, between), nil
}

// path follows an attribute given as text, with dots, or as a number.
func (in *interp) path(v, attribute any) (any, error) {
	s, ok := attribute.(string)
	if !ok {
		return in.subscript(v, attribute)
	}
	for part := range strings.SplitSeq(s, ".") {
		var key any = part
		if i, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = i
		}
		var err error
		if v, err = in.subscript(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func toList(in *interp, v any, a args) (any, error) {
	if _, err := a.take(0); err != nil {
		return nil, err
	}
	items, err := in.iterate(v)
	if err != nil {
		return nil, err
	}
	return append([]any{}, items...), in.spend(stepCost * len(items))
}

// mapped is map: an attribute of each item, or a filter of each.
func mapped(in *interp, v any, a args) (any, error) {
	if !truth(v) {
		return []any{}, nil
	}
	items, err := in.iterate(v)
	if err != nil {
		return nil, err
	}
	change := func(v any) (any, error) { return nil, errors.New("want a filter or attribute=") }
	if i := slices.Index(a.names, "attribute"); i >= 0 {
		p, err := a.take(0, "attribute", "default")
		if err != nil {
			return nil, err
		}
		change = func(v any) (any, error) {
			got, err := in.path(v, p[0])
			if _, missing := got.(undefined); missing {
				got = orElse(p[1], got)
			}
			return got, err
		}
	} else if len(a.positional) > 0 {
		if title, ok := a.positional[0].(string); ok {
			a.positional = a.positional[1:]
			change = func(v any) (any, error) { return in.filter(title, v, a) }
		}
	}
	got := make([]any, len(items))
	for i, v := range items {
		if err := in.spend(stepCost); err != nil {
			return nil, err
		}
		if got[i], err = change(v); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// selected returns the items that, or an attribute of which, a test holds for; where
// none is named, those that are true.
func (in *interp) selected(v any, a args, attribute, want bool) (any, error) {
	if !truth(v) {
		return []any{}, nil
	}
	items, err := in.iterate(v)
	if err != nil {
		return nil, err
	}
	rest := a.positional
	var key any
	if attribute {
		if len(rest) == 0 {
			return nil, errors.New("want an attribute")
		}
		key, rest = rest[0], rest[1:]
	}
	test := func(v any) (bool, error) { return truth(v), nil }
	if len(rest) > 0 {
		title, ok := rest[0].(string)
		if !ok {
			return nil, fmt.Errorf("got %s, want the name of a test", typeName(rest[0]))
		}
		test = func(v any) (bool, error) { return in.test(title, v, args{positional: rest[1:]}) }
	}
	got := []any{}
	for _, v := range items {
		if err := in.spend(stepCost); err != nil {
			return nil, err
		}
		subject := v
		if attribute {
			if subject, err = in.path(v, key); err != nil {
				return nil, err
			}
		}
		ok, err := test(subject)
		if err != nil {
			return nil, err
		}
		if ok == want {
			got = append(got, v)
		}
	}
	return got, nil
}

func replaceFilter(in *interp, v any, a args) (any, error) {
	s, err := in.str(v)
	if err != nil {
		return nil, err
	}
	return stringMethods["replace"](in, s, a)
}

func reversed(in *interp, v any, a args) (any, error) {
	if _, err := a.take(0); err != nil {
		return nil, err
	}
	if _, err := in.iterate(v); err != nil {
		return nil, err
	}
	if d, ok := v.(*Dict); ok {
		v = d.keys
	}
	return in.slice(v, [3]any{nil, nil, int64(-1)})
}

func trimFilter(in *interp, v any, a args) (any, error) {
	s, err := in.str(v)
	if err != nil {
		return nil, err
	}
	return stringMethods["strip"](in, s, a)
}

package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// attribute is v.name: a method, else what v has by that name.
func (in *interp) attribute(v any, name string) (any, error) {
	if u, ok := v.(undefined); ok {
		return nil, u.err()
	}
	if m, ok := in.method(v, name); ok {
		return m, nil
	}
	return in.member(v, name), nil
}

// subscript is v[key]: an item, else a method.
func (in *interp) subscript(v, key any) (any, error) {
	if u, ok := v.(undefined); ok {
		return nil, u.err()
	}
	if i, ok := key.(int64); ok {
		switch v := v.(type) {
		case string:
			r := []rune(v)
			if err := in.spend(len(v)); err != nil {
				return nil, err
			}
			if i, ok = within(i, len(r)); ok {
				return string(r[i]), nil
			}
		case []any:
			return item(v, i), nil
		case tuple:
			return item(v, i), nil
		}
	}
	got := in.member(v, key)
	if name, ok := key.(string); ok {
		if _, missing := got.(undefined); missing {
			if m, ok := in.method(v, name); ok {
				return m, nil
			}
		}
	}
	return got, nil
}

func item(items []any, i int64) any {
	if i, ok := within(i, len(items)); ok {
		return items[i]
	}
	return undefined{fmt.Sprintf("a list of %d has no item %d", len(items), i)}
}

// within returns an index counted from the start; negative ones count from the end.
func within(i int64, n int) (int64, bool) {
	if i < 0 {
		i += int64(n)
	}
	return i, i >= 0 && i < int64(n)
}

// member is what dicts, namespaces and loops have by a key.
func (in *interp) member(v, key any) any {
	switch v := v.(type) {
	case *Dict:
		if got, ok := v.get(key); ok {
			return got
		}
	case *namespace:
		if got, ok := v.get(key); ok {
			return got
		}
	case *loop:
		if s, ok := key.(string); ok {
			return v.member(s)
		}
	}
	shown, err := in.str(key)
	if err != nil {
		shown = "of that kind"
	}
	return undefined{fmt.Sprintf("%s has no %q", typeName(v), shown)}
}

func (l *loop) member(name string) any {
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.i + 1)
	case "index0":
		return int64(l.i)
	case "revindex":
		return int64(n - l.i)
	case "revindex0":
		return int64(n - l.i - 1)
	case "first":
		return l.i == 0
	case "last":
		return l.i == n-1
	case "length":
		return int64(n)
	case "previtem":
		if l.i > 0 {
			return l.items[l.i-1]
		}
	case "nextitem":
		if l.i+1 < n {
			return l.items[l.i+1]
		}
	}
	return undefined{fmt.Sprintf("the loop has no %q", name)}
}

// method returns a method of a string or dict, bound to it.
func (in *interp) method(v any, name string) (*function, bool) {
	var table map[string]builtin
	switch v.(type) {
	case string:
		table = in.ofString
	case *Dict:
		table = in.ofDict
	}
	m, ok := table[name]
	if !ok {
		return nil, false
	}
	return &function{name, func(in *interp, a args) (any, error) { return m(in, v, a) }}, true
}

// slice is v[from:to:step] as Python cuts; bounds that are left out are nil.
func (in *interp) slice(v any, bounds [3]any) (any, error) {
	var whole []any
	var runes []rune
	switch v := v.(type) {
	case undefined:
		return nil, v.err()
	case string:
		runes = []rune(v)
	case []any:
		whole = v
	case tuple:
		whole = v
	default:
		return nil, fmt.Errorf("cannot cut %s", typeName(v))
	}
	n := int64(max(len(whole), len(runes)))
	if err := in.spend(int(n)); err != nil {
		return nil, err
	}
	from, to, step, err := cut(bounds, n)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	items := []any{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if runes != nil {
			b.WriteRune(runes[i])
		} else {
			items = append(items, whole[i])
		}
	}
	switch v.(type) {
	case string:
		return b.String(), nil
	case tuple:
		return tuple(items), nil
	default:
		return items, nil
	}
}

// cut returns the first index, the one to stop before, and the step between.
func cut(bounds [3]any, n int64) (from, to, step int64, err error) {
	step = 1
	low, high := int64(0), n
	for i := 2; i >= 0; i-- { // the step first: the other bounds depend on its sign
		v := bounds[i]
		if v == nil {
			continue
		}
		k, ok := v.(int64)
		if !ok {
			return 0, 0, 0, fmt.Errorf("cannot cut at %s", typeName(v))
		}
		if i == 2 {
			step = min(max(k, -n-1), n+1)
			if k == 0 {
				return 0, 0, 0, errors.New("cannot cut in steps of 0")
			}
			continue
		}
		if k < 0 {
			k = max(k+n, -1)
		}
		bounds[i] = k
	}
	if step < 0 {
		low, high = n-1, -1
	}
	from, to = low, high
	clamp := func(k int64) int64 {
		if step < 0 {
			return min(k, n-1)
		}
		return min(max(k, 0), n)
	}
	if k, ok := bounds[0].(int64); ok {
		from = clamp(k)
	}
	if k, ok := bounds[1].(int64); ok {
		to = clamp(k)
	}
	return from, to, step, nil
}

package jinja

import "errors"

// tests are what may follow an is.
var tests = map[string]builtin{
	"boolean":  kindTest(func(v any) bool { _, ok := v.(bool); return ok }),
	"callable": kindTest(func(v any) bool { _, ok := v.(*function); return ok }),
	"defined":  kindTest(func(v any) bool { _, ok := v.(undefined); return !ok }),
	"divisibleby": func(in *interp, v any, a args) (any, error) {
		p, err := a.take(1, "num")
		if err != nil {
			return nil, err
		}
		rest, err := in.binary("%", v, p[0])
		return !truth(rest), err
	},
	"eq": comparison("=="), "equalto": comparison("=="), "==": comparison("=="), "ne": comparison("!="), "!=": comparison("!="),
	"lt": comparison("<"), "lessthan": comparison("<"), "<": comparison("<"), "le": comparison("<="), "<=": comparison("<="),
	"gt": comparison(">"), "greaterthan": comparison(">"), ">": comparison(">"), "ge": comparison(">="), ">=": comparison(">="),
	"even":    parity(0),
	"false":   kindTest(func(v any) bool { return v == false }),
	"float":   kindTest(func(v any) bool { _, ok := v.(float64); return ok }),
	"in":      comparison("in"),
	"integer": kindTest(func(v any) bool { _, ok := v.(int64); return ok }),
	"iterable": kindTest(func(v any) bool {
		switch v.(type) {
		case string, []any, tuple, *Dict, *loop, undefined:
			return true
		}
		return false
	}),
	"mapping": kindTest(func(v any) bool { _, ok := v.(*Dict); return ok }),
	"none":    kindTest(func(v any) bool { return v == nil }),
	"number":  kindTest(func(v any) bool { _, _, _, ok := asNumber(v); return ok }),
	"odd":     parity(1),
	"sameas": func(_ *interp, v any, a args) (any, error) {
		p, err := a.take(1, "other")
		if err != nil {
			return nil, err
		}
		switch v.(type) {
		case nil, bool, int64, string:
			return v == p[0], nil
		}
		return nil, errors.New("only none, booleans, integers and strings are supported")
	},
	"sequence": kindTest(func(v any) bool {
		switch v.(type) {
		case string, []any, tuple, *Dict, undefined:
			return true
		}
		return false
	}),
	"string":    kindTest(func(v any) bool { _, ok := v.(string); return ok }),
	"true":      kindTest(func(v any) bool { return v == true }),
	"undefined": kindTest(func(v any) bool { _, ok := v.(undefined); return ok }),
}

func kindTest(is func(any) bool) builtin {
	return func(_ *interp, v any, a args) (any, error) {
		_, err := a.take(0)
		return is(v), err
	}
}

func comparison(operator string) builtin {
	return func(in *interp, v any, a args) (any, error) {
		p, err := a.take(1, "other")
		if err != nil {
			return nil, err
		}
		return in.compare(operator, v, p[0])
	}
}

func parity(want int64) builtin {
	return func(in *interp, v any, a args) (any, error) {
		if _, err := a.take(0); err != nil {
			return nil, err
		}
		rest, err := in.binary("%", v, int64(2))
		return rest == want, err
	}
}

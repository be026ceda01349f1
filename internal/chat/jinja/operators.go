package jinja

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// number returns a value as a float, with the integer that it is, if it is one.
func asNumber(v any) (f float64, i int64, whole, ok bool) {
	switch v := v.(type) {
	case bool:
		return float64(number01(v)), number01(v), true, true
	case int64:
		return float64(v), v, true, true
	case float64:
		return v, 0, false, true
	default:
		return 0, 0, false, false
	}
}

// equal is ==.
func (in *interp) equal(a, b any) (bool, error) {
	if err := in.enter(); err != nil {
		return false, err
	}
	defer func() { in.depth-- }()
	if x, i, wholeA, ok := asNumber(a); ok {
		y, j, wholeB, ok := asNumber(b)
		return ok && (wholeA && wholeB && i == j || !(wholeA && wholeB) && x == y), nil
	}
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b, nil
	case []any:
		b, ok := b.([]any)
		if !ok {
			return false, nil
		}
		return in.equalAll(a, b)
	case tuple:
		b, ok := b.(tuple)
		if !ok {
			return false, nil
		}
		return in.equalAll(a, b)
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false, nil
		}
		for _, k := range a.keys {
			other, ok := b.values[k]
			if !ok {
				return false, nil
			}
			if same, err := in.equal(a.values[k], other); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	default: // none, and what is equal to itself alone
		return a == b, nil
	}
}

func (in *interp) equalAll(a, b []any) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if same, err := in.equal(a[i], b[i]); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// compare is the operators from == to not in.
func (in *interp) compare(operator string, a, b any) (bool, error) {
	switch operator {
	case "==":
		return in.equal(a, b)
	case "!=":
		same, err := in.equal(a, b)
		return !same, err
	case "in":
		return in.contains(b, a)
	case "not in":
		found, err := in.contains(b, a)
		return !found, err
	}
	order, err := in.order(a, b)
	if err != nil {
		return false, err
	}
	switch operator {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

func (in *interp) order(a, b any) (int, error) {
	if x, i, wholeA, ok := asNumber(a); ok {
		if y, j, wholeB, ok := asNumber(b); ok {
			if wholeA && wholeB {
				return cmp.Compare(i, j), nil
			}
			return cmp.Compare(x, y), nil
		}
	}
	if a, ok := a.(string); ok {
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), nil
		}
	}
	return 0, mismatch("compare", a, b)
}

// mismatch is the error of an operation on two values that do not go together.
func mismatch(what string, a, b any) error {
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok {
			return u.err()
		}
	}
	return fmt.Errorf("cannot %s %s and %s", what, typeName(a), typeName(b))
}

func (in *interp) contains(whole, part any) (bool, error) {
	switch whole := whole.(type) {
	case string:
		s, ok := part.(string)
		if !ok {
			return false, mismatch("look for one in the other:", part, whole)
		}
		return strings.Contains(whole, s), in.spend(len(whole))
	case *Dict:
		_, ok := whole.get(part)
		return ok, nil
	}
	items, err := in.iterate(whole)
	if err != nil {
		return false, err
	}
	for _, item := range items {
		if same, err := in.equal(item, part); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// binary is the operators of arithmetic and joining.
func (in *interp) binary(operator string, a, b any) (any, error) {
	if operator == "~" {
		x, err := in.str(a)
		if err != nil {
			return nil, err
		}
		y, err := in.str(b)
		if err != nil {
			return nil, err
		}
		return x + y, in.spend(len(x) + len(y))
	}
	if x, i, wholeA, ok := asNumber(a); ok {
		if y, j, wholeB, ok := asNumber(b); ok {
			if wholeA && wholeB && operator != "/" {
				return integers(operator, i, j)
			}
			return floats(operator, x, y)
		}
	}
	switch operator {
	case "+":
		return in.join(a, b)
	case "*":
		if n, ok := a.(int64); ok {
			return in.repeat(b, n)
		}
		if n, ok := b.(int64); ok {
			return in.repeat(a, n)
		}
	}
	return nil, mismatch("use "+operator+" on", a, b)
}

// join is + of strings, lists and tuples.
func (in *interp) join(a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			if err := in.spend(len(x) + len(y)); err != nil {
				return nil, err
			}
			return x + y, nil
		}
	case []any:
		if y, ok := b.([]any); ok {
			return append(slices.Clip(x), y...), in.spend(stepCost * (len(x) + len(y)))
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			return append(slices.Clip(x), y...), in.spend(stepCost * (len(x) + len(y)))
		}
	}
	return nil, mismatch("add", a, b)
}

func (in *interp) repeat(v any, n int64) (any, error) {
	n = max(n, 0)
	var size int
	switch v := v.(type) {
	case string:
		size = len(v)
	case []any:
		size = stepCost * len(v)
	default:
		return nil, fmt.Errorf("cannot repeat %s", typeName(v))
	}
	if high, low := bits.Mul64(uint64(size), uint64(n)); high > 0 || low > work {
		return nil, errWork
	} else if err := in.spend(int(low)); err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok {
		return strings.Repeat(s, int(n)), nil
	}
	items, list := v.([]any), []any{}
	for range n {
		if len(items) == 0 {
			break
		}
		list = append(list, items...)
	}
	return list, nil
}

var errLarge = errors.New("an integer has more than 64 bits")

func integers(operator string, i, j int64) (any, error) {
	var r int64
	switch operator {
	case "+":
		if r = i + j; (r > i) != (j > 0) && j != 0 {
			return nil, errLarge
		}
	case "-":
		if r = i - j; (r < i) != (j > 0) && j != 0 {
			return nil, errLarge
		}
	case "*":
		if r = i * j; i != 0 && (r/i != j || i == -1 && j == math.MinInt64) {
			return nil, errLarge
		}
	case "**":
		f := math.Pow(float64(i), float64(j))
		if j < 0 {
			return f, nil
		}
		if math.Abs(f) >= 1<<53 {
			return nil, errLarge
		}
		r = int64(f)
	default:
		if j == 0 {
			return nil, errors.New("division by zero")
		}
		// Python rounds down and gives the rest the sign of what is divided by.
		r = i / j
		rest := i - r*j
		if rest != 0 && (rest < 0) != (j < 0) {
			r, rest = r-1, rest+j
		}
		if operator == "%" {
			return rest, nil
		}
		if i == math.MinInt64 && j == -1 {
			return nil, errLarge
		}
	}
	return r, nil
}

func floats(operator string, x, y float64) (any, error) {
	switch operator {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return math.Pow(x, y), nil
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	switch operator {
	case "/":
		return x / y, nil
	case "//":
		return math.Floor(x / y), nil
	default:
		return x - y*math.Floor(x/y), nil
	}
}

// length is the number of items, characters or keys of a value.
func length(v any) (int, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case tuple:
		return len(v), nil
	case *Dict:
		return len(v.keys), nil
	case undefined:
		return 0, nil
	default:
		return 0, fmt.Errorf("%s has no length", typeName(v))
	}
}

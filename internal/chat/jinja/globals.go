package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxRange is what Jinja's sandbox allows.
const maxRange = 100_000

// globals are the functions that templates call by name.
var globals = map[string]any{
	"dict":            &function{"dict", dictOf},
	"namespace":       &function{"namespace", namespaceOf},
	"raise_exception": &function{"raise_exception", raise},
	"range":           &function{"range", rangeOf},
	"strftime_now":    &function{"strftime_now", now},
}

func raise(in *interp, a args) (any, error) {
	p, err := a.take(1, "message")
	if err != nil {
		return nil, err
	}
	s, err := in.str(p[0])
	if err != nil {
		return nil, err
	}
	return nil, &RaisedError{s}
}

func rangeOf(in *interp, a args) (any, error) {
	bounds := []int64{0, 0, 1}
	if _, err := a.take(1, "start", "stop", "step"); err != nil || len(a.names) > 0 {
		return nil, errors.New("want one to three integers")
	}
	for i, v := range a.positional {
		_, n, whole, _ := asNumber(v)
		if !whole {
			return nil, mismatch("count with", v, v)
		}
		bounds[i] = n
	}
	if len(a.positional) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	if bounds[2] == 0 {
		return nil, errors.New("the step is 0")
	}
	items := []any{}
	for i := bounds[0]; bounds[2] > 0 && i < bounds[1] || bounds[2] < 0 && i > bounds[1]; {
		if len(items) == maxRange {
			return nil, fmt.Errorf("more than %d numbers", maxRange)
		}
		items = append(items, i)
		next := i + bounds[2]
		if (next > i) != (bounds[2] > 0) {
			break
		}
		i = next
	}
	return items, in.spend(stepCost * len(items))
}

func dictOf(in *interp, a args) (any, error) {
	d := &Dict{}
	for _, v := range a.positional {
		from, ok := v.(*Dict)
		if !ok || len(a.positional) > 1 {
			return nil, errors.New("want one mapping at most")
		}
		if err := in.spend(stepCost * len(from.keys)); err != nil {
			return nil, err
		}
		for _, k := range from.keys {
			d.put(k, from.values[k])
		}
	}
	for i, n := range a.names {
		d.put(n, a.named[i])
	}
	return d, nil
}

func namespaceOf(in *interp, a args) (any, error) {
	v, err := dictOf(in, a)
	if err != nil {
		return nil, err
	}
	ns := &namespace{}
	d := v.(*Dict)
	for _, k := range d.keys {
		s, ok := k.(string)
		if !ok {
			return nil, errors.New("want names")
		}
		if err := ns.setAttribute(s, d.values[k]); err != nil {
			return nil, err
		}
	}
	return ns, nil
}

// now is the time in the form that is asked for, in Python's letters.
func now(in *interp, a args) (any, error) {
	p, err := a.take(1, "format")
	if err != nil {
		return nil, err
	}
	format, ok := p[0].(string)
	if !ok {
		return nil, mismatch("format the time as", p[0], p[0])
	}
	var b strings.Builder
	for {
		plain, rest, more := strings.Cut(format, "%")
		b.WriteString(plain)
		if !more {
			return b.String(), in.spend(b.Len())
		}
		n := min(1, len(rest))
		if strings.HasPrefix(rest, "-") {
			n = min(2, len(rest))
		}
		part, ok := datePart(in.now, rest[:n])
		if !ok {
			return nil, fmt.Errorf("%%%s is not supported", rest[:n])
		}
		b.WriteString(part)
		format = rest[n:]
	}
}

// datePart is one letter of strftime.
func datePart(t time.Time, letter string) (string, bool) {
	layouts := map[string]string{
		"a": "Mon", "A": "Monday", "b": "Jan", "B": "January", "d": "02", "-d": "2", "F": "2006-01-02", "H": "15", "I": "03",
		"-I": "3", "j": "002", "m": "01", "-m": "1", "M": "04", "p": "PM", "S": "05", "T": "15:04:05", "y": "06", "Y": "2006",
		"Z": "", "z": "",
	}
	if letter == "%" {
		return "%", true
	}
	layout, ok := layouts[letter]
	return t.Format(layout), ok
}

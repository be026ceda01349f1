package jinja

import (
	"fmt"
	"slices"
)

// args are the arguments of a call.
type args struct {
	positional []any
	names      []string // of the arguments given by name
	named      []any
}

// builtin is a filter, test or method: a function of a value and arguments.
type builtin func(in *interp, v any, a args) (any, error)

type arguments func(*frame) (args, error)

func noArguments(*frame) (args, error) { return args{}, nil }

// arguments reads what stands between the brackets of a call, and the last of them.
func (p *parser) arguments() arguments {
	var positional, named []expr
	var names []string
	for first := true; !p.skip(op, ")") && p.err == nil; first = false {
		if !first {
			p.want(op, ",")
			if p.skip(op, ")") {
				break
			}
		}
		if p.is(name) && p.tokens[p.i+1].kind == op && p.tokens[p.i+1].text == "=" {
			names = append(names, p.take().text)
			p.i++
			named = append(named, p.expression())
			continue
		}
		if len(names) > 0 {
			p.fail("an argument without a name follows one with a name")
		}
		positional = append(positional, p.expression())
	}
	return func(f *frame) (args, error) {
		a, err := evaluate(f, positional)
		if err != nil {
			return args{}, err
		}
		b, err := evaluate(f, named)
		return args{a, names, b}, err
	}
}

// take returns the arguments in the order of the parameters; what is not given is
// undefined. The first required ones must be.
func (a args) take(required int, params ...string) ([]any, error) {
	if len(a.positional) > len(params) {
		return nil, fmt.Errorf("got %d arguments, want %d at most", len(a.positional), len(params))
	}
	values := slices.Clone(a.positional)
	for len(values) < len(params) {
		values = append(values, undefined{"an argument that is not given is undefined"})
	}
	given := len(a.positional)
	for i, n := range a.names {
		at := slices.Index(params, n)
		if at < 0 {
			return nil, fmt.Errorf("there is no argument %s", n)
		}
		if at < len(a.positional) {
			return nil, fmt.Errorf("the argument %s is given twice", n)
		}
		values[at] = a.named[i]
		if at < required {
			given++
		}
	}
	if given < required {
		return nil, fmt.Errorf("got %d arguments, want %d", given, required)
	}
	return values, nil
}

// into sets a macro's parameters. What is more than they are goes to varargs and
// kwargs where the macro is open to it.
func (a args) into(f *frame, macro string, params []string, defaults []expr, open bool) error {
	extra, more := tuple{}, &Dict{}
	for i, v := range a.positional {
		if i < len(params) {
			f.set(params[i], v)
		} else {
			extra = append(extra, v)
		}
	}
	for i, n := range a.names {
		switch at := slices.Index(params, n); {
		case at < 0:
			more.put(n, a.named[i])
		case at < len(a.positional):
			return fmt.Errorf("the argument %s is given twice", n)
		default:
			f.set(n, a.named[i])
		}
	}
	if !open && len(extra)+len(more.keys) > 0 {
		return fmt.Errorf("got %d arguments, want %d at most", len(a.positional)+len(a.names), len(params))
	}
	for i, n := range params {
		if _, ok := f.vars[n]; ok {
			continue
		}
		var v any = undefined{fmt.Sprintf("parameter %q of %s was not provided", n, macro)}
		if defaults[i] != nil {
			var err error
			if v, err = defaults[i](f); err != nil {
				return err
			}
		}
		f.set(n, v)
	}
	if open {
		f.set("varargs", extra)
		f.set("kwargs", more)
	}
	return nil
}

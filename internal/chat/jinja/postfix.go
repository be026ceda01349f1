package jinja

import "fmt"

// postfix reads what follows a value: names, indexes and arguments.
func (p *parser) postfix(e expr) expr {
	for {
		of := e
		switch {
		case p.skip(op, "."):
			t := p.take()
			switch t.kind {
			case name:
				e = step(func(f *frame) (any, error) {
					v, err := of(f)
					if err != nil {
						return nil, err
					}
					return f.in.attribute(v, t.text)
				})
			case integer:
				p.i--
				e = p.index(of, p.primary())
			default:
				p.fail("got %v, want a name", t)
				return e
			}
		case p.skip(op, "["):
			e = p.subscript(of)
			p.want(op, "]")
		case p.is(op, "("):
			e = p.call(of)
		default:
			return e
		}
	}
}

func (p *parser) call(of expr) expr {
	p.want(op, "(")
	a := p.arguments()
	return applied(of, a, func(f *frame, v any, given args) (any, error) { return f.in.call(v, given) })
}

// applied does something to a value with arguments, both worked out first.
func applied(of expr, a arguments, do func(f *frame, v any, given args) (any, error)) expr {
	return step(func(f *frame) (any, error) {
		v, err := of(f)
		if err != nil {
			return nil, err
		}
		given, err := a(f)
		if err != nil {
			return nil, err
		}
		return do(f, v, given)
	})
}

func (p *parser) index(of, key expr) expr {
	return step(func(f *frame) (any, error) {
		v, k, err := both(f, of, key)
		if err != nil {
			return nil, err
		}
		return f.in.subscript(v, k)
	})
}

// subscript reads an index or a slice.
func (p *parser) subscript(of expr) expr {
	var bounds [3]expr
	n := 0
	for ; n < 3 && !p.is(op, "]"); n++ {
		if !p.is(op, ":") {
			bounds[n] = p.expression()
			if n == 0 && !p.is(op, ":") {
				return p.index(of, bounds[0])
			}
		}
		if !p.skip(op, ":") {
			break
		}
	}
	if n == 0 && bounds[0] == nil && p.is(op, "]") {
		p.fail("got ], want an index")
	}
	return step(func(f *frame) (any, error) {
		v, err := of(f)
		if err != nil {
			return nil, err
		}
		var values [3]any
		for i, b := range bounds {
			if b == nil {
				continue
			}
			if values[i], err = b(f); err != nil {
				return nil, err
			}
		}
		return f.in.slice(v, values)
	})
}

// filters reads the filters and tests that follow a value.
func (p *parser) filters(e expr) expr {
	for {
		switch {
		case p.skip(op, "|"):
			e = p.filter(e)
		case p.skip(name, "is"):
			e = p.test(e)
		case p.is(op, "("):
			e = p.call(e)
		default:
			return e
		}
	}
}

// filter reads a filter's name and arguments.
func (p *parser) filter(of expr) expr {
	title := p.wantName()
	a := noArguments
	if p.skip(op, "(") {
		a = p.arguments()
	}
	return applied(of, a, func(f *frame, v any, given args) (any, error) { return f.in.filter(title, v, given) })
}

func (in *interp) filter(title string, v any, a args) (any, error) {
	filter, ok := in.filters[title]
	if !ok {
		return nil, fmt.Errorf("the filter %s is not supported", title)
	}
	got, err := filter(in, v, a)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", title, err)
	}
	return got, nil
}

// test reads a test after is: its name and arguments, or one argument without
// brackets.
func (p *parser) test(of expr) expr {
	negative := p.skip(name, "not")
	title := p.wantName()
	a := noArguments
	switch {
	case p.skip(op, "("):
		a = p.arguments()
	case p.is(name) && !p.is(name, "else", "or", "and", "if", "is", "in", "not"), p.is(text), p.is(integer), p.is(real), p.is(op, "[", "{"):
		one := p.postfix(p.primary())
		a = func(f *frame) (args, error) {
			v, err := one(f)
			return args{positional: []any{v}}, err
		}
	case p.is(name, "is"):
		p.fail("tests do not chain")
	}
	return applied(of, a, func(f *frame, v any, given args) (any, error) {
		ok, err := f.in.test(title, v, given)
		return ok != negative, err
	})
}

func (in *interp) test(title string, v any, a args) (bool, error) {
	test, ok := in.tests[title]
	if !ok {
		return false, fmt.Errorf("the test %s is not supported", title)
	}
	got, err := test(in, v, a)
	if err != nil {
		return false, fmt.Errorf("test %s: %w", title, err)
	}
	return truth(got), nil
}

package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// expr is an expression: a function of the scope.
type expr func(*frame) (any, error)

func constant(v any) expr { return func(*frame) (any, error) { return v, nil } }

// step counts an expression as one step within those around it.
func step(e expr) expr {
	return func(f *frame) (any, error) {
		if err := f.in.enter(); err != nil {
			return nil, err
		}
		v, err := e(f)
		f.in.depth--
		return v, err
	}
}

// both evaluates two expressions.
func both(f *frame, a, b expr) (x, y any, err error) {
	if x, err = a(f); err != nil {
		return nil, nil, err
	}
	y, err = b(f)
	return x, y, err
}

// tuple reads expressions with commas between them: one alone is itself. Without
// ternary, an if ends it.
func (p *parser) tuple(ternary bool) expr {
	one := p.expression
	if !ternary {
		one = p.or
	}
	if p.is(closed) || p.is(closedTag) {
		p.fail("got %v, want an expression", p.now())
	}
	items := []expr{one()}
	comma := false
	for p.skip(op, ",") {
		comma = true
		if p.is(closed) || p.is(closedTag) || p.is(op, ")") {
			break
		}
		items = append(items, one())
	}
	if !comma {
		return items[0]
	}
	return step(func(f *frame) (any, error) {
		all, err := evaluate(f, items)
		return tuple(all), err
	})
}

func evaluate(f *frame, items []expr) ([]any, error) {
	all := make([]any, len(items))
	for i, e := range items {
		v, err := e(f)
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

// expression reads: or if or else expression.
func (p *parser) expression() expr {
	p.nest()
	defer func() { p.depth-- }()
	e := p.or()
	for p.skip(name, "if") {
		then, cond := e, p.or()
		otherwise := constant(undefined{"the value of an if without else is undefined"})
		if p.skip(name, "else") {
			otherwise = p.expression()
		}
		e = step(func(f *frame) (any, error) {
			v, err := cond(f)
			if err != nil {
				return nil, err
			}
			if truth(v) {
				return then(f)
			}
			return otherwise(f)
		})
	}
	return e
}

func (p *parser) or() expr { return p.logic("or", true, p.and) }

func (p *parser) and() expr { return p.logic("and", false, p.not) }

// logic reads operands of and or or, the first of which with the deciding truth is
// the value.
func (p *parser) logic(word string, decides bool, operand func() expr) expr {
	e := operand()
	for p.skip(name, word) {
		a, b := e, operand()
		e = step(func(f *frame) (any, error) {
			v, err := a(f)
			if err != nil || truth(v) == decides {
				return v, err
			}
			return b(f)
		})
	}
	return e
}

func (p *parser) not() expr {
	if !p.skip(name, "not") {
		return p.comparison()
	}
	p.nest()
	defer func() { p.depth-- }()
	e := p.not()
	return step(func(f *frame) (any, error) {
		v, err := e(f)
		return !truth(v), err
	})
}

// comparison reads operands with comparisons between them, all of which must hold.
func (p *parser) comparison() expr {
	e := p.sum()
	var operators []string
	operands := []expr{e}
	for {
		var operator string
		switch {
		case p.is(op, "==", "!=", "<", ">", "<=", ">=") || p.is(name, "in"):
			operator = p.take().text
		case p.is(name, "not") && p.tokens[p.i+1].kind == name && p.tokens[p.i+1].text == "in":
			p.i += 2
			operator = "not in"
		case operators == nil:
			return e
		default:
			return step(func(f *frame) (any, error) {
				a, err := operands[0](f)
				for i := 0; i < len(operators) && err == nil; i++ {
					var b any
					if b, err = operands[i+1](f); err != nil {
						break
					}
					var ok bool
					if ok, err = f.in.compare(operators[i], a, b); err == nil && !ok {
						return false, nil
					}
					a = b
				}
				return true, err
			})
		}
		operators = append(operators, operator)
		operands = append(operands, p.sum())
	}
}

// Arithmetic, from what binds least.
func (p *parser) sum() expr     { return p.arithmetic(p.concat, "+", "-") }
func (p *parser) concat() expr  { return p.arithmetic(p.product, "~") }
func (p *parser) product() expr { return p.arithmetic(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.arithmetic(func() expr { return p.unary(true) }, "**") }

func (p *parser) arithmetic(operand func() expr, operators ...string) expr {
	e := operand()
	for p.is(op, operators...) {
		operator := p.take().text
		a, b := e, operand()
		e = step(func(f *frame) (any, error) {
			x, y, err := both(f, a, b)
			if err != nil {
				return nil, err
			}
			return f.in.binary(operator, x, y)
		})
	}
	return e
}

// unary reads a sign, or a value with what follows it.
func (p *parser) unary(filters bool) expr {
	p.nest()
	defer func() { p.depth-- }()
	var e expr
	if p.is(op, "-", "+") {
		operator := p.take().text
		a := p.unary(false)
		e = step(func(f *frame) (any, error) {
			v, err := a(f)
			if err != nil {
				return nil, err
			}
			return f.in.binary(operator, int64(0), v)
		})
	} else {
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.filters(e)
	}
	return e
}

// primary reads a constant, a name or what is in brackets.
func (p *parser) primary() expr {
	switch t := p.take(); t.kind {
	case name:
		switch t.text {
		case "true", "True":
			return constant(true)
		case "false", "False":
			return constant(false)
		case "none", "None":
			return constant(nil)
		case "varargs", "kwargs":
			p.varargs = true
		}
		return func(f *frame) (any, error) { return f.get(t.text), nil }
	case text:
		pieces := []string{t.text} // strings side by side are one
		for p.is(text) {
			pieces = append(pieces, p.take().text)
		}
		return constant(strings.Join(pieces, ""))
	case integer:
		i, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			p.fail("%s: %v", t.text, errLarge)
		}
		return constant(i)
	case real:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail("%s is too large", t.text)
		}
		return constant(f)
	case op:
		switch t.text {
		case "(":
			if p.skip(op, ")") {
				return constant(tuple{})
			}
			e := p.tuple(true)
			p.want(op, ")")
			return e
		case "[":
			items := p.list("]")
			return step(func(f *frame) (any, error) { return evaluate(f, items) })
		case "{":
			return p.dict()
		}
		p.fail("got %v, want an expression", t)
	default:
		p.fail("got %v, want an expression", t)
	}
	return nil
}

// list reads expressions up to a bracket.
func (p *parser) list(bracket string) []expr {
	var items []expr
	for !p.skip(op, bracket) && p.err == nil {
		if len(items) > 0 {
			p.want(op, ",")
			if p.skip(op, bracket) {
				break
			}
		}
		items = append(items, p.expression())
	}
	return items
}

func (p *parser) dict() expr {
	var keys, values []expr
	for !p.skip(op, "}") && p.err == nil {
		if len(keys) > 0 {
			p.want(op, ",")
			if p.skip(op, "}") {
				break
			}
		}
		keys = append(keys, p.expression())
		p.want(op, ":")
		values = append(values, p.expression())
	}
	return step(func(f *frame) (any, error) {
		d := &Dict{}
		for i := range keys {
			k, v, err := both(f, keys[i], values[i])
			if err != nil {
				return nil, err
			}
			if k, err = hashable(k); err != nil {
				return nil, err
			}
			d.put(k, v)
		}
		return d, nil
	})
}

// call calls a value.
func (in *interp) call(v any, a args) (any, error) {
	switch v := v.(type) {
	case *function:
		got, err := v.call(in, a)
		var raised *RaisedError
		if err != nil && !errors.As(err, &raised) {
			err = fmt.Errorf("%s: %w", v.name, err)
		}
		return got, err
	case undefined:
		return nil, v.err()
	default:
		return nil, fmt.Errorf("%s cannot be called", typeName(v))
	}
}

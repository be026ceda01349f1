package jinja

import (
	"errors"
	"fmt"
)

// What break and continue return, for the loop around them.
var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// forBlock reads the rest of: for target in items if condition … else … endfor.
func (p *parser) forBlock() stmt {
	names := p.targets()
	p.want(name, "in")
	items := p.tuple(false)
	var cond expr
	if p.skip(name, "if") {
		cond = p.expression()
	}
	p.want(closedTag, "")
	p.loops++
	body, next := p.body("else", "endfor")
	p.loops--
	var otherwise stmt
	if next == "else" {
		p.want(closedTag, "")
		otherwise, _ = p.body("endfor")
	}
	return func(f *frame) error {
		v, err := items(f)
		if err != nil {
			return err
		}
		all, err := f.in.iterate(v)
		if err != nil {
			return err
		}
		if cond != nil {
			if all, err = chosen(f, all, names, cond); err != nil {
				return err
			}
		}
		if len(all) == 0 && otherwise != nil {
			return otherwise(f.inner())
		}
		for i, v := range all {
			each := f.inner()
			each.set("loop", &loop{all, i})
			err := each.bind(names, v)
			if err == nil {
				err = body(each)
			}
			if errors.Is(err, errBreak) {
				break
			}
			if err != nil && !errors.Is(err, errContinue) {
				return err
			}
		}
		return nil
	}
}

// chosen returns the items for which the condition holds.
func chosen(f *frame, all []any, names []string, cond expr) ([]any, error) {
	var some []any
	for _, v := range all {
		each := f.inner()
		if err := each.bind(names, v); err != nil {
			return nil, err
		}
		ok, err := cond(each)
		if err != nil {
			return nil, err
		}
		if truth(ok) {
			some = append(some, v)
		}
	}
	return some, nil
}

// targets reads the names that values are given to.
func (p *parser) targets() []string {
	brackets := p.skip(op, "(")
	names := []string{p.wantName()}
	for p.skip(op, ",") {
		if p.is(name) && !p.is(name, "in") {
			names = append(names, p.wantName())
		}
	}
	if brackets {
		p.want(op, ")")
	}
	return names
}

// bind sets one name to the value, or several to its items.
func (f *frame) bind(names []string, v any) error {
	if err := f.in.spend(stepCost); err != nil {
		return err
	}
	if len(names) == 1 {
		f.set(names[0], v)
		return nil
	}
	items, err := f.in.iterate(v)
	if err != nil {
		return err
	}
	if len(items) != len(names) {
		return fmt.Errorf("got %d values for %d names", len(items), len(names))
	}
	for i, n := range names {
		f.set(n, items[i])
	}
	return nil
}

// set reads the rest of: set target = value, or of: set target … endset.
func (p *parser) set() stmt {
	names := p.targets()
	attribute := ""
	if len(names) == 1 && p.skip(op, ".") {
		attribute = p.wantName()
	}
	assign := func(f *frame, v any) error {
		if attribute == "" {
			return f.bind(names, v)
		}
		ns, ok := f.get(names[0]).(*namespace)
		if !ok {
			return fmt.Errorf("%s is no namespace: its %s cannot be set", names[0], attribute)
		}
		return ns.setAttribute(attribute, v)
	}
	if p.skip(op, "=") {
		value := p.tuple(true)
		return func(f *frame) error {
			v, err := value(f)
			if err != nil {
				return err
			}
			return assign(f, v)
		}
	}
	filtered := p.filters(captured)
	body := p.function("endset")
	return func(f *frame) error {
		s, err := f.in.capture(body, f.inner())
		if err != nil {
			return err
		}
		v, err := filtered(f.holding(s))
		if err != nil {
			return err
		}
		return assign(f, v)
	}
}

// filterBlock reads the rest of: filter name … endfilter.
func (p *parser) filterBlock() stmt {
	filtered := p.filter(captured)
	filtered = p.filters(filtered)
	body := p.function("endfilter")
	return func(f *frame) error {
		s, err := f.in.capture(body, f.inner())
		if err != nil {
			return err
		}
		return output(filtered)(f.holding(s))
	}
}

// captureName is where the text of a block waits for its filters; no template can
// name it.
const captureName = " text"

func captured(f *frame) (any, error) { return f.get(captureName), nil }

func (f *frame) holding(s string) *frame {
	g := f.inner()
	g.set(captureName, s)
	return g
}

// generation reads the rest of: generation … endgeneration, around what the
// assistant wrote.
func (p *parser) generation() stmt {
	body := p.function("endgeneration")
	return func(f *frame) error {
		in := f.in
		start := in.out.Len()
		if err := body(f.inner()); err != nil {
			return err
		}
		if in.out != in.root {
			return errors.New("a generation block in a macro, set or filter block has no place in the text")
		}
		in.spans = append(in.spans, Span{start, in.out.Len()})
		return nil
	}
}

// macro reads the rest of: macro name(parameters) … endmacro.
func (p *parser) macro() stmt {
	title := p.wantName()
	p.want(op, "(")
	var params []string
	var defaults []expr
	for !p.is(op, ")") && p.err == nil {
		if len(params) > 0 {
			p.want(op, ",")
		}
		params = append(params, p.wantName())
		var fallback expr
		if p.skip(op, "=") {
			fallback = p.expression()
		}
		defaults = append(defaults, fallback)
	}
	p.want(op, ")")
	outer := p.varargs
	p.varargs = false
	body := p.function("endmacro")
	open := p.varargs
	p.varargs = outer
	return func(f *frame) error {
		f.set(title, &function{title, func(in *interp, a args) (any, error) {
			if err := in.enter(); err != nil {
				return nil, err
			}
			defer func() { in.depth-- }()
			g := f.inner()
			if err := a.into(g, title, params, defaults, open); err != nil {
				return nil, err
			}
			return in.capture(body, g)
		}})
		return nil
	}
}

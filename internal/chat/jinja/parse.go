package jinja

import (
	"fmt"
	"slices"
)

// parser reads tokens into functions that run them. The first problem is kept in err
// and ends the tokens, so that every loop over them ends, too; what was read is then
// of no use.
type parser struct {
	tokens  []token
	i       int
	err     error
	depth   int
	loops   int  // for blocks around, within the innermost body that is a function
	varargs bool // the macro being read speaks of varargs or kwargs
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &lineError{p.now().line, fmt.Errorf(format, args...)}
	}
	p.i = len(p.tokens) - 1
}

func (p *parser) now() token { return p.tokens[p.i] }

func (p *parser) take() token {
	t := p.now()
	if t.kind != end {
		p.i++
	}
	return t
}

func (p *parser) is(k kind, texts ...string) bool {
	t := p.now()
	return t.kind == k && (len(texts) == 0 || slices.Contains(texts, t.text))
}

// skip takes the next token if it is this one.
func (p *parser) skip(k kind, text string) bool {
	if !p.is(k, text) {
		return false
	}
	p.i++
	return true
}

func (p *parser) want(k kind, text string) {
	if !p.skip(k, text) {
		if text == "" {
			text = token{kind: k}.String()
		}
		p.fail("got %v, want %s", p.now(), text)
	}
}

func (p *parser) wantName() string {
	if !p.is(name) {
		p.fail("got %v, want a name", p.now())
		return ""
	}
	return p.take().text
}

// nest bounds how deep the parser calls itself; leave with depth--.
func (p *parser) nest() {
	p.depth++
	if p.depth > maxNesting {
		p.fail("nested deeper than %d levels", maxNesting)
	}
}

// stmt is a part of the template that writes text.
type stmt func(*frame) error

// body reads up to a tag that begins with one of these names, or to the end where
// none is given, and returns that name; the rest of the tag follows.
func (p *parser) body(ends ...string) (stmt, string) {
	p.nest()
	defer func() { p.depth-- }()
	var parts []stmt
	whole := func(f *frame) error {
		for _, s := range parts {
			if err := s(f); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		t := p.take()
		switch t.kind {
		case data:
			parts = append(parts, func(f *frame) error { return f.in.write(t.text) })
		case open:
			parts = append(parts, placed(t.line, output(p.tuple(true))))
			p.want(closed, "")
		case openTag:
			if p.is(name, ends...) && len(ends) > 0 {
				return whole, p.take().text
			}
			if s := p.block(); s != nil {
				parts = append(parts, placed(t.line, s))
			}
			p.want(closedTag, "")
		default:
			if len(ends) > 0 {
				p.fail("got %v, want %s", t, ends[len(ends)-1])
			}
			return whole, ""
		}
	}
}

// placed adds the line to errors of a statement, and counts it as a step.
func placed(line int, s stmt) stmt {
	return func(f *frame) error {
		if err := f.in.enter(); err != nil {
			return at(line, err)
		}
		err := s(f)
		f.in.depth--
		return at(line, err)
	}
}

func output(e expr) stmt {
	return func(f *frame) error {
		v, err := e(f)
		if err != nil {
			return err
		}
		s, err := f.in.str(v)
		if err != nil {
			return err
		}
		return f.in.write(s)
	}
}

// block reads the rest of a tag and the body that belongs to it, up to the mark of
// its last tag.
func (p *parser) block() stmt {
	switch t := p.take(); t.text {
	case "if":
		return p.ifBlock()
	case "for":
		return p.forBlock()
	case "set":
		return p.set()
	case "macro":
		return p.macro()
	case "generation":
		return p.generation()
	case "filter":
		return p.filterBlock()
	case "break", "continue":
		if p.loops == 0 {
			p.fail("%s stands in no loop", t.text)
		}
		signal := errBreak
		if t.text == "continue" {
			signal = errContinue
		}
		return func(*frame) error { return signal }
	default:
		p.i--
		p.fail("%v is no block that is known; known: break, continue, filter, for, generation, if, macro, raw, set", t)
		return nil
	}
}

// function reads a body from which no break leads out.
func (p *parser) function(endName string) stmt {
	loops := p.loops
	p.loops = 0
	p.want(closedTag, "")
	body, _ := p.body(endName)
	p.loops = loops
	return body
}

func (p *parser) ifBlock() stmt {
	p.nest()
	defer func() { p.depth-- }()
	cond := p.tuple(false)
	p.want(closedTag, "")
	then, next := p.body("elif", "else", "endif")
	otherwise := stmt(func(*frame) error { return nil })
	switch next {
	case "elif":
		otherwise = p.ifBlock()
	case "else":
		p.want(closedTag, "")
		otherwise, _ = p.body("endif")
	}
	return func(f *frame) error {
		v, err := cond(f)
		if err != nil {
			return err
		}
		if truth(v) {
			return then(f)
		}
		return otherwise(f)
	}
}

// Package jinja runs chat templates: the part of Jinja 2 that they are written in,
// with the settings and additions of Hugging Face's transformers.
//
// [Parse] reads a template, [Template.Execute] writes its text. Blocks are for, if,
// set, macro, filter, raw, break, continue and transformers' generation, whose
// places in the text are kept; expressions are all of Jinja's. Which filters, tests,
// functions and methods there are stands in the tables filters, tests, globals,
// stringMethods and dictMethods: those that templates of real models call for
// messages of text.
//
// # Limits
//
// There is nothing to include, import or extend; call blocks, with, recursive loops
// and * in arguments are not there. Filters that are missing are an error when they
// are reached, as tools are not given and much of a template never runs. Integers
// have 64 bits. The filter safe does nothing, so that + after it does not escape; % is
// of numbers only. Filters such as map give lists, and neither the loop nor a
// namespace can be written, where Jinja writes the name and address of an object.
//
// A template is a stranger's program: one execution may do so much work, hold so
// much text and nest so deep, and then ends in an error.
//
// # Compatibility
//
// Texts equal those of Jinja 3.1.6 in transformers 5.23.0, checked with 106 templates
// of real models and with random ones; what fails there fails here, in other words.
// Changing a list is an error here as in its sandbox. Letters change case one by one,
// so that the capital of ß is ß.
package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// work is what one execution may cost: a byte of text made is 1, a step 16.
	work     = 1 << 26
	stepCost = 16
	// maxDepth bounds blocks and expressions in each other and macros that call on.
	maxDepth = 1000
	// maxNesting bounds the same in the source.
	maxNesting = 200
)

var errWork = errors.New("the template does too much: it loops or repeats text without end")

var errDepth = fmt.Errorf("the template is nested deeper than %d levels", maxDepth)

// Template is a parsed template, safe for use by several goroutines at once.
type Template struct{ body stmt }

// Span is a range of bytes of a text.
type Span struct{ Start, End int }

// Result is what a template wrote.
type Result struct {
	Text      string
	Generated []Span // what stood in generation blocks, in order
}

// RaisedError is an error that the template itself raises, by raise_exception.
type RaisedError struct{ Message string }

func (e *RaisedError) Error() string { return "the template refuses: " + e.Message }

// lineError says where in the template an error arose.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// at adds the line to an error that has none.
func at(line int, err error) error {
	var placed *lineError
	if err == nil || errors.Is(err, errBreak) || errors.Is(err, errContinue) || errors.As(err, &placed) {
		return err
	}
	return &lineError{line, err}
}

// Parse reads a template.
func Parse(source string) (*Template, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	body, _ := p.body()
	if p.err != nil {
		return nil, p.err
	}
	return &Template{body}, nil
}

// Execute runs the template with these variables, which it does not change: strings,
// bools, int64, nil, []any and [*Dict]. Templates that ask for the time get now.
func (t *Template) Execute(vars map[string]any, now time.Time) (Result, error) {
	return t.execute(vars, now, work)
}

func (t *Template) execute(vars map[string]any, now time.Time, limit int) (Result, error) {
	var root strings.Builder
	in := &interp{out: &root, root: &root, left: limit, now: now, tables: tables{filters, tests, stringMethods, dictMethods}}
	outer := &frame{in: in, vars: vars, up: &frame{in: in, vars: globals}}
	if err := t.body(outer.inner()); err != nil {
		return Result{}, err
	}
	return Result{root.String(), in.spans}, nil
}

// interp is the state of one execution.
type interp struct {
	out, root *strings.Builder // where text goes now, and the template's own
	spans     []Span
	left      int // work that may still be done
	depth     int
	now       time.Time
	tables
}

// tables are where names are looked up: by way of the state, since functions of one
// table look others up.
type tables struct{ filters, tests, ofString, ofDict map[string]builtin }

func (in *interp) spend(n int) error {
	if n < 0 || n > in.left {
		return errWork
	}
	in.left -= n
	return nil
}

// enter begins a step within the steps around it; leave with depth--.
func (in *interp) enter() error {
	if in.depth >= maxDepth {
		return errDepth
	}
	if err := in.spend(stepCost); err != nil {
		return err
	}
	in.depth++
	return nil
}

func (in *interp) write(s string) error {
	if err := in.spend(len(s)); err != nil {
		return err
	}
	in.out.WriteString(s)
	return nil
}

// capture returns what a body writes.
func (in *interp) capture(body stmt, f *frame) (string, error) {
	var b strings.Builder
	saved := in.out
	in.out = &b
	err := body(f)
	in.out = saved
	return b.String(), err
}

// frame is a scope: variables set in it end with it, outer ones shine through.
type frame struct {
	in   *interp
	vars map[string]any
	up   *frame
}

func (f *frame) inner() *frame { return &frame{in: f.in, up: f} }

func (f *frame) set(name string, v any) {
	if f.vars == nil {
		f.vars = map[string]any{}
	}
	f.vars[name] = v
}

func (f *frame) get(name string) any {
	for ; f != nil; f = f.up {
		if v, ok := f.vars[name]; ok {
			return v
		}
	}
	return undefined{fmt.Sprintf("%q is undefined", name)}
}

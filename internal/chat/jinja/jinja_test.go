package jinja

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var someMessages = map[string]any{"messages": []any{NewDict("role", "user", "content", "Who?")}}

// Whatever a template is, it ends soon: in an error or in a text that is bounded.
func FuzzExecute(f *testing.F) {
	files, err := filepath.Glob("../testdata/*.jinja")
	if err != nil || len(files) == 0 {
		f.Fatalf("no templates: %v", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(source))
	}
	for _, bad := range hostile {
		f.Add(bad.source)
	}
	for _, bad := range broken {
		f.Add(bad.source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		const limit = 1 << 20
		template, err := Parse(source)
		if err != nil {
			return
		}
		got, err := template.execute(someMessages, time.Unix(0, 0).UTC(), limit)
		if err != nil && got.Text != "" || len(got.Text) > limit {
			t.Errorf("got %d bytes, error %v", len(got.Text), err)
		}
		for _, s := range got.Generated {
			if s.Start < 0 || s.End < s.Start || s.End > len(got.Text) {
				t.Errorf("span %v of %d bytes", s, len(got.Text))
			}
		}
	})
}

// Each of these would run for ever, fill the memory or break the stack.
var hostile = []struct{ name, source, want string }{
	{"loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does too much"},
	{"range", "{% for a in range(1000000000000) %}{% endfor %}", "more than 100000 numbers"},
	{"range over the end", "{{ range(9223372036854775806, 9223372036854775807, 5) }}{{ range(0, -9223372036854775807, -9223372036854775807) }}", ""},
	{"macro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested deeper than 1000 levels"},
	{"macros that branch", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(90) }}", "does too much"},
	{"text that doubles", "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "does too much"},
	{"text that repeats", "{{ 'x' * 100000000000 }}", "does too much"},
	{"list that repeats", "{{ ([1] * 10000000 * 10000000) | length }}", "does too much"},
	{"text that grows in itself", "{{ ('x' * 10000).replace('x', 'x' * 10000).replace('x', 'x' * 10000) }}", "does too much"},
	{"list that holds itself", "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", "does too much"},
	{"the same compared", "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}", "does too much"},
	{"deep list", "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}", "nested deeper than 1000 levels"},
	{"indent", "{{ [1] | tojson(indent=100000000000) }}", "does too much"},
	{"brackets", strings.Repeat("(", 100000), "nested deeper than 200 levels"},
	{"signs", "{{ " + strings.Repeat("-", 100000) + "1 }}", "nested deeper than 200 levels"},
	{"nots", "{{ " + strings.Repeat("not ", 100000) + "1 }}", "nested deeper than 200 levels"},
	{"ifs", strings.Repeat("{% if 1 %}", 100000), "nested deeper than 200 levels"},
	{"elses", "{{ " + strings.Repeat("1 if 0 else ", 100000) + "1 }}", "nested deeper than 200 levels"},
	{"sum", "{{ 1" + strings.Repeat(" + 1", 100000) + " }}", "nested deeper than 1000 levels"},
	{"members", "{{ a" + strings.Repeat(".a", 100000) + " }}", "nested deeper than 1000 levels"},
	{"filters", "{{ a" + strings.Repeat("|trim", 100000) + " }}", "nested deeper than 1000 levels"},
	{"a namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "a namespace cannot be written"},
}

func TestHostileTemplatesEnd(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			source := c.source
			if c.name == "brackets" {
				source = "{{ " + source + "1" + strings.Repeat(")", len(source)) + " }}"
			}
			template, err := Parse(source)
			if err == nil {
				_, err = template.execute(someMessages, time.Time{}, 1<<22)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

// broken are templates with the errors that they give.
var broken = []struct{ source, want string }{
	{"a\n{% if x %}b", "line 2: got the end of the template, want endif"},
	{"{{ 'a }}", "line 1: a string has no closing '"},
	{"{{ a", "line 1: a tag has no }}"},
	{"{# a", "line 1: a comment has no #}"},
	{"{% raw %} a", "line 1: raw has no endraw"},
	{"{{ a ? }}", "line 1: unexpected character '?' in a tag"},
	{"{{ [a) }}", "line 1: unexpected ')' in a tag"},
	{"{{ }}", "line 1: got }}, want an expression"},
	{"{{ a b }}", "line 1: got b, want }}"},
	{"{{ a[] }}", "line 1: got ], want an index"},
	{"{{ a. }}", "line 1: got }}, want a name"},
	{"{{ f(a=1, 2) }}", "line 1: an argument without a name follows one with a name"},
	{"{{ 99999999999999999999 }}", "line 1: 99999999999999999999: an integer has more than 64 bits"},
	{`{{ '\u12' }}`, `line 1: a string has a malformed \u`},
	{"\n\n{% break %}", "line 3: break stands in no loop"},
	{"{% for a in b %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "line 1: break stands in no loop"},
	{"{% include 'a' %}", "line 1: include is no block that is known; known: break, continue, filter, for, generation, if, macro, raw, set"},
	{"{% endif %}", "line 1: endif is no block that is known; known: break, continue, filter, for, generation, if, macro, raw, set"},
	{"{% for a in b recursive %}{% endfor %}", "line 1: got recursive, want %}"},
	{"{{ 1 is eq is }}", "line 1: tests do not chain"},

	{"\n{{ a.b }}", `line 2: "a" is undefined`},
	{"{{ messages[0].name + 'a' }}", `line 1: a dict has no "name"`},
	{"{{ messages[0].name.first }}", `line 1: a dict has no "name"`},
	{"{% for a in none %}{% endfor %}", "line 1: none cannot be gone through"},
	{"{% for a, b in [[1]] %}{% endfor %}", "line 1: got 1 values for 2 names"},
	{"{% set a = 1 %}{% set a.b = 1 %}", "line 1: a is no namespace: its b cannot be set"},
	{"{{ 'a' + 1 }}", "line 1: cannot add a string and an integer"},
	{"{{ 'a' < 1 }}", "line 1: cannot compare a string and an integer"},
	{"{{ 1 // 0 }}", "line 1: division by zero"},
	{"{{ 1.5 % 0 }}", "line 1: division by zero"},
	{"{{ 9223372036854775807 + 1 }}", "line 1: an integer has more than 64 bits"},
	{"{{ -9223372036854775807 - 2 }}", "line 1: an integer has more than 64 bits"},
	{"{{ 9223372036854775807 * 2 }}", "line 1: an integer has more than 64 bits"},
	{"{{ 2 ** 99 }}", "line 1: an integer has more than 64 bits"},
	{"{{ a | shout }}", "line 1: the filter shout is not supported"},
	{"{{ a is loud }}", "line 1: the test loud is not supported"},
	{"{{ 'a'.shout() }}", `line 1: a string has no "shout"`},
	{"{{ [].append(1) }}", `line 1: a list has no "append"`},
	{"{{ 'a'.split('') }}", "line 1: split: the separator is empty"},
	{"{{ 'a'.replace('a') }}", "line 1: replace: got 1 arguments, want 2"},
	{"{{ 'a'.strip(chars='a', more=1) }}", "line 1: strip: there is no argument more"},
	{"{{ 'a' | trim('a', chars='a') }}", "line 1: filter trim: the argument chars is given twice"},
	{"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "line 1: m: got 2 arguments, want 1 at most"},
	{"{{ 'abc'[::0] }}", "line 1: cannot cut in steps of 0"},
	{"{{ namespace(_a=1) }}", "line 1: namespace: a namespace takes no names that begin with _, got _a"},
	{"{{ strftime_now('%Q') }}", "line 1: strftime_now: %Q is not supported"},
	{"{{ {[]: 1} }}", "line 1: a list cannot be a key"},
	{"{% set a %}{% generation %}{% endgeneration %}{% endset %}", "line 1: a generation block in a macro, set or filter block has no place in the text"},
}

func TestBrokenTemplates(t *testing.T) {
	for _, c := range broken {
		template, err := Parse(c.source)
		if err == nil {
			_, err = template.Execute(someMessages, time.Time{})
		}
		if got := message(err); got != c.want {
			t.Errorf("%s: got error %q, want %q", c.source, got, c.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRaisedError(t *testing.T) {
	template, err := Parse("{% macro m() %}\n{{ raise_exception('not ' ~ 1) }}{% endmacro %}{{ m() }}")
	if err != nil {
		t.Fatal(err)
	}
	_, err = template.Execute(nil, time.Time{})
	var raised *RaisedError
	if !errors.As(err, &raised) || raised.Message != "not 1" {
		t.Fatalf("got %v, want the error that the template raises", err)
	}
	if want := "line 2: the template refuses: not 1"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

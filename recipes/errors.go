package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is every problem found in a recipe, in file order; those of --set come last.
type Error struct {
	File     string
	Problems []Problem
}

// Problem is one complaint about one place. Line and Column count from 1 and in
// characters; 0 means unknown.
type Problem struct {
	File         string // "--set" when the place is an assignment and Line its number; empty: the recipe
	Line, Column int
	Message      string
	Source       string // the line's text
}

// Error is a line per problem, file:line:col: message, with the source line and a caret under it.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(cmp.Or(p.File, e.File))
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		fmt.Fprintf(&b, ": %s", p.Message)
		if p.Source != "" && p.Column > 0 && p.Column <= utf8.RuneCountInString(p.Source)+1 {
			fmt.Fprintf(&b, "\n    %s\n    %s^", p.Source, indent(p.Source, p.Column-1))
		}
	}
	return b.String()
}

// ExitCode is that of a command that refuses its input before it writes anything.
func (*Error) ExitCode() int { return 3 }

// indent is white space as wide as the first n characters of line, tabs included.
func indent(line string, n int) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string([]rune(line)[:n]))
}

// report collects problems and remembers the paths that have one, so that one
// mistake is told once: what lies under a broken path is not judged.
type report struct {
	tree   *tree
	all    []Problem
	broken map[string]bool
}

// at adds a problem at the value of path or, where that is absent, at the
// nearest ancestor present. The message comes to start with the path.
func (rp *report) at(path, format string, args ...any) {
	for p := path; ; p = parent(p) {
		if rp.broken[p] {
			return
		}
		if p == "" {
			break
		}
	}
	rp.broken[path] = true
	line, column := rp.tree.place(path)
	rp.add(line, column, path+": "+fmt.Sprintf(format, args...))
}

func (rp *report) add(line, column int, message string) {
	rp.all = append(rp.all, rp.tree.problem(line, column, message))
}

// err returns the problems as one error, or nil when there are none.
func (rp *report) err(file string) error {
	if len(rp.all) == 0 {
		return nil
	}
	slices.SortStableFunc(rp.all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{File: file, Problems: rp.all}
}

// parent is the path that holds path: "stages[0].loss" → "stages[0]" → "stages" → "".
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// oneOf reads "a, b or c".
func oneOf(choices []string) string {
	if n := len(choices); n > 1 {
		return strings.Join(choices[:n-1], ", ") + " or " + choices[n-1]
	}
	return strings.Join(choices, "")
}

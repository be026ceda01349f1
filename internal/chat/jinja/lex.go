package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind byte

const (
	end       kind = iota // of the source
	data                  // text outside of tags
	open                  // {{
	closed                // }}
	openTag               // {%
	closedTag             // %}
	name
	text // a string, unescaped
	integer
	real
	op
)

type token struct {
	kind kind
	text string
	line int
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end of the template"
	case closed:
		return "}}"
	case closedTag:
		return "%}"
	case text:
		return fmt.Sprintf("%q", t.text)
	default:
		return t.text
	}
}

// space is what Python counts as white space.
func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// longOperators are those of two characters.
var longOperators = []string{"//", "**", "==", "!=", ">=", "<="}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

type lexer struct {
	src    string
	pos    int
	line   int
	tokens []token
}

// lex cuts a template into tokens, with trim_blocks and lstrip_blocks: the newline
// after a tag is not text, nor are spaces before a tag that begins its line.
func lex(source string) ([]token, error) {
	l := &lexer{src: strings.TrimSuffix(newlines.Replace(source), "\n"), line: 1}
	for l.pos < len(l.src) {
		if err := l.next(); err != nil {
			return nil, &lineError{l.line, err}
		}
	}
	l.emit(end, "")
	return l.tokens, nil
}

func (l *lexer) emit(k kind, s string) { l.tokens = append(l.tokens, token{k, s, l.line}) }

// skip moves on by n bytes.
func (l *lexer) skip(n int) {
	l.line += strings.Count(l.src[l.pos:l.pos+n], "\n")
	l.pos += n
}

func (l *lexer) skipSpace() {
	rest := l.src[l.pos:]
	l.skip(len(rest) - len(strings.TrimLeftFunc(rest, space)))
}

// next reads text and the tag after it.
func (l *lexer) next() error {
	lineStart := l.pos == 0 || l.src[l.pos-1] == '\n'
	rest := l.src[l.pos:]
	n, what := tagStart(rest)
	if what == 0 {
		l.emit(data, rest)
		l.skip(len(rest))
		return nil
	}
	tag := n + 2
	sign := byte(0)
	if tag < len(rest) && (rest[tag] == '-' || rest[tag] == '+') {
		sign = rest[tag]
		tag++
	}
	if t := stripBefore(rest[:n], sign, lineStart && what != '{', what != '{'); t != "" {
		l.emit(data, t)
	}
	l.skip(tag)
	switch what {
	case '#':
		return l.comment()
	case '{':
		l.emit(open, "")
		return l.inside("}}", closed)
	}
	if raw, ok := rawStart(l.src[l.pos:]); ok {
		return l.raw(raw)
	}
	l.emit(openTag, "")
	return l.inside("%}", closedTag)
}

// tagStart finds the first tag and the second byte of its mark.
func tagStart(s string) (at int, what byte) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '%' || s[i+1] == '{' || s[i+1] == '#') {
			return i, s[i+1]
		}
	}
	return 0, 0
}

// stripBefore takes white space from the end of the text before a tag.
func stripBefore(s string, sign byte, lineStart, block bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(s, space)
	}
	if line := strings.LastIndexByte(s, '\n') + 1; sign == 0 && block && (line > 0 || lineStart) {
		if strings.TrimFunc(s[line:], space) == "" {
			return s[:line]
		}
	}
	return s
}

// finish skips the mark that ends a tag and the white space that goes with it.
func (l *lexer) finish(mark string, sign byte) {
	if sign != 0 {
		l.skip(1)
	}
	l.skip(len(mark))
	switch {
	case sign == '-':
		l.skipSpace()
	case sign == 0 && mark != "}}" && strings.HasPrefix(l.src[l.pos:], "\n"):
		l.skip(1)
	}
}

func (l *lexer) comment() error {
	n := strings.Index(l.src[l.pos:], "#}")
	if n < 0 {
		return errors.New("a comment has no #}")
	}
	sign := byte(0)
	if n > 0 && (l.src[l.pos+n-1] == '-' || l.src[l.pos+n-1] == '+') {
		n--
		sign = l.src[l.pos+n]
	}
	l.skip(n)
	l.finish("#}", sign)
	return nil
}

// rawStart returns the length of what is left of a tag that begins raw text, after
// its mark; negative where white space after it goes too.
func rawStart(s string) (int, bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(s, space), "raw")
	rest = strings.TrimLeftFunc(rest, space)
	after := strings.TrimPrefix(rest, "-")
	if !ok || !strings.HasPrefix(after, "%}") {
		return 0, false
	}
	n := len(s) - len(after) + 2
	if after != rest {
		n += len(after[2:]) - len(strings.TrimLeftFunc(after[2:], space))
	}
	return n, true
}

// raw reads text in which tags are text, up to endraw.
func (l *lexer) raw(head int) error {
	l.skip(head)
	body := l.src[l.pos:]
	for from := 0; ; {
		n := strings.Index(body[from:], "{%")
		if n < 0 {
			return errors.New("raw has no endraw")
		}
		n += from
		from = n + 2
		rest := body[from:]
		sign := byte(0)
		if rest != "" && (rest[0] == '-' || rest[0] == '+') {
			sign = rest[0]
			rest = rest[1:]
		}
		rest, ok := strings.CutPrefix(strings.TrimLeftFunc(rest, space), "endraw")
		rest = strings.TrimLeftFunc(rest, space)
		last := byte(0)
		if rest != "" && (rest[0] == '-' || rest[0] == '+') {
			last = rest[0]
		}
		if !ok || !strings.HasPrefix(strings.TrimLeft(rest, "-+"), "%}") {
			continue
		}
		if t := stripBefore(body[:n], sign, l.src[l.pos-1] == '\n', true); t != "" {
			l.emit(data, t)
		}
		l.skip(len(body) - len(rest))
		l.finish("%}", last)
		return nil
	}
}

// inside reads the tokens of a tag up to its mark, which counts outside of brackets.
func (l *lexer) inside(mark string, k kind) error {
	var brackets []byte
	for {
		l.skipSpace()
		rest := l.src[l.pos:]
		if rest == "" {
			return fmt.Errorf("a tag has no %s", mark)
		}
		if len(brackets) == 0 {
			sign, after := byte(0), rest
			if rest[0] == '-' || rest[0] == '+' && mark == "%}" {
				sign, after = rest[0], rest[1:]
			}
			if strings.HasPrefix(after, mark) {
				l.emit(k, "")
				l.finish(mark, sign)
				return nil
			}
		}
		if err := l.one(rest, &brackets); err != nil {
			return err
		}
	}
}

// one reads one token of a tag.
func (l *lexer) one(s string, brackets *[]byte) error {
	first, _ := utf8.DecodeRuneInString(s)
	switch {
	case first == '\'' || first == '"':
		return l.quoted(s)
	case first >= '0' && first <= '9':
		k, n := number(s)
		l.emit(k, strings.ReplaceAll(s[:n], "_", ""))
		l.skip(n)
		return nil
	case first == '_' || unicode.IsLetter(first):
		n := strings.IndexFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(s)
		}
		l.emit(name, s[:n])
		l.skip(n)
		return nil
	}
	n := 1
	if len(s) > 1 && slices.Contains(longOperators, s[:2]) {
		n = 2
	} else if !strings.ContainsRune("+-/*%~[](){}><=.:|,", first) {
		return fmt.Errorf("unexpected character %q in a tag", first)
	}
	switch s[0] {
	case '(':
		*brackets = append(*brackets, ')')
	case '[':
		*brackets = append(*brackets, ']')
	case '{':
		*brackets = append(*brackets, '}')
	case ')', ']', '}':
		last := len(*brackets) - 1
		if last < 0 || (*brackets)[last] != s[0] {
			return fmt.Errorf("unexpected %q in a tag", s[0])
		}
		*brackets = (*brackets)[:last]
	}
	l.emit(op, s[:n])
	l.skip(n)
	return nil
}

// number finds where a number ends.
func number(s string) (kind, int) {
	digits := func(i int) int {
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '_') {
			i++
		}
		return i
	}
	n := digits(0)
	k := integer
	if m := digits(min(n+1, len(s))); n < len(s) && s[n] == '.' && m > n+1 && s[n+1] != '_' {
		k, n = real, m
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if e := digits(m); e > m {
			k, n = real, e
		}
	}
	return k, n
}

// quoted reads a string in quotes.
func (l *lexer) quoted(s string) error {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			t, err := unescape(s[1:i])
			l.emit(text, t)
			l.skip(i + 1)
			return err
		}
	}
	return fmt.Errorf("a string has no closing %c", s[0])
}

package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// compilePattern returns a function that finds the matches of a pattern as
// Oniguruma, the engine of tokenizers, does. The engine here agrees with it on
// the part of the language that [translate] lets through.
func compilePattern(pattern string) (func(text string) []span, error) {
	source, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	re, err := regexp2.Compile(source, regexp2.None)
	if err != nil {
		return nil, err
	}
	return func(text string) []span { return matches(re, text) }, nil
}

func matches(re *regexp2.Regexp, text string) (spans []span) {
	runes := make([]rune, 0, len(text))
	offsets := make([]int, 0, len(text)+1) // byte offset of every rune
	for i, r := range text {
		runes = append(runes, r)
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(text))
	// The only error is a timeout, and none is set.
	for m, _ := re.FindRunesMatch(runes); m != nil; m, _ = re.FindNextMatch(m) {
		spans = append(spans, span{offsets[m.Index], offsets[m.Index+m.Length], true})
	}
	return spans
}

// translate checks that a pattern uses only what both engines read alike, and
// spells out the one thing they do not: letters under (?i:…).
func translate(pattern string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		n := 1
		var err error
		switch c := pattern[i]; c {
		case '\\':
			n, err = escape(pattern[i:])
		case '[':
			n, err = bracket(pattern[i:])
		case '(':
			if strings.HasPrefix(pattern[i:], "(?i:") {
				var group string
				if group, n, err = foldGroup(pattern[i:]); err == nil {
					out.WriteString(group)
					i += n
					continue
				}
			} else {
				n, err = opening(pattern[i:])
			}
		case '^', '$', '.':
			err = fmt.Errorf("%q", c)
		case '{':
			if i+1 == len(pattern) || pattern[i+1] < '0' || pattern[i+1] > '9' {
				err = errors.New("{ without a number")
			}
		case '*', '+', '?', '}':
			if next := pattern[i+1:]; strings.HasPrefix(next, "+") || c == '}' && strings.HasPrefix(next, "?") {
				err = fmt.Errorf("%q", pattern[i:i+2])
			}
		default:
			if c >= utf8.RuneSelf {
				_, n = utf8.DecodeRuneInString(pattern[i:])
			}
		}
		if err != nil {
			return "", err
		}
		out.WriteString(pattern[i : i+n])
		i += n
	}
	return out.String(), nil
}

// escape returns the length of an escape that both engines read alike.
func escape(rest string) (int, error) {
	if len(rest) < 2 {
		return 0, errors.New("a backslash at the end")
	}
	switch c := rest[1]; {
	case c == 'p' || c == 'P':
		stop := strings.IndexByte(rest, '}')
		if !strings.HasPrefix(rest[2:], "{") || stop < 0 || rest[3] == '^' {
			return 0, fmt.Errorf(`\%c without {name}`, c)
		}
		return stop + 1, nil
	case strings.IndexByte("sSdDrnt", c) >= 0:
		return 2, nil
	case c < utf8.RuneSelf && !isAlnum(c):
		return 2, nil
	}
	r, _ := utf8.DecodeRuneInString(rest[1:])
	return 0, fmt.Errorf(`\%c`, r)
}

// bracket returns the length of a character class without sets inside it.
func bracket(rest string) (int, error) {
	i := 1
	if strings.HasPrefix(rest, "[^") {
		i = 2
	}
	for first := i; i < len(rest); {
		switch {
		case rest[i] == ']' && i > first:
			return i + 1, nil
		case rest[i] == '[' || rest[i] == ']':
			return 0, fmt.Errorf("%q within a character class", rest[i])
		case strings.HasPrefix(rest[i:], "&&"):
			return 0, errors.New("&& within a character class")
		case rest[i] == '\\':
			n, err := escape(rest[i:])
			if err != nil {
				return 0, err
			}
			i += n
		default:
			i++
		}
	}
	return 0, errors.New("a character class without its end")
}

// opening returns the length of what opens a group.
func opening(rest string) (int, error) {
	if !strings.HasPrefix(rest, "(?") {
		return 1, nil
	}
	for _, known := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(rest, known) {
			return len(known), nil
		}
	}
	return 0, fmt.Errorf("a group that opens with %.4q", rest)
}

// foldGroup rewrites (?i:…) over ASCII text and bars as a plain group in which
// every letter is the class of its cases in Unicode.
func foldGroup(rest string) (group string, length int, err error) {
	var out strings.Builder
	out.WriteString("(?:")
	for i := len("(?i:"); i < len(rest); i++ {
		switch c := rest[i]; {
		case c == ')':
			return out.String() + ")", i + 1, nil
		case c == '\'' || c == '|':
			out.WriteByte(c)
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			lower := c | 0x20
			out.WriteString("[" + string(rune(lower)) + string(rune(lower-0x20)))
			switch lower {
			case 's':
				out.WriteString("ſ")
			case 'k':
				out.WriteString("\u212a") // the Kelvin sign
			}
			out.WriteByte(']')
		default:
			return "", 0, fmt.Errorf("(?i: with %q", c)
		}
	}
	return "", 0, errors.New("a group without its end")
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

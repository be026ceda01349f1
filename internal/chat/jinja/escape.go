package jinja

import (
	"fmt"
	"strconv"
	"strings"
)

// plainEscapes are the escapes of one letter, each before what it stands for.
const plainEscapes = "\\\\''\"\"n\nt\tr\ra\ab\bf\fv\v"

// unescape reads the escapes of a Python string; a backslash before anything else
// stays.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for {
		plain, rest, more := strings.Cut(s, `\`)
		b.WriteString(plain)
		if !more || rest == "" {
			return b.String(), nil
		}
		if r, n := codeEscape(rest); n > 0 {
			if r < 0 {
				return "", fmt.Errorf("a string has a malformed \\%c", rest[0])
			}
			b.WriteRune(r)
			s = rest[n:]
			continue
		}
		if rest[0] == '\n' { // a line that goes on
			s = rest[1:]
			continue
		}
		if i := strings.IndexByte(plainEscapes, rest[0]); i >= 0 && i%2 == 0 {
			b.WriteByte(plainEscapes[i+1])
		} else {
			b.WriteString(`\` + rest[:1])
		}
		s = rest[1:]
	}
}

// codeEscape reads an escape that gives a code point, and how many bytes it takes;
// a code that is none is negative.
func codeEscape(s string) (rune, int) {
	n, base, start := 0, 16, 1
	switch s[0] {
	case 'x':
		n = 2
	case 'u':
		n = 4
	case 'U':
		n = 8
	case '0', '1', '2', '3', '4', '5', '6', '7':
		base, start = 8, 0
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
	default:
		return 0, 0
	}
	if len(s) < start+n {
		return -1, len(s)
	}
	code, err := strconv.ParseUint(s[start:start+n], base, 32)
	if err != nil || code > 0x10ffff {
		return -1, start + n
	}
	return rune(code), start + n
}

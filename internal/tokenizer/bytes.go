package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteRune returns the character that stands for a byte in a byte-level
// vocabulary (GPT-2's table): printable Latin-1 is itself, the rest follows from
// U+0100 on.
func byteRune(b byte) rune {
	r := rune(b)
	switch {
	case b <= ' ':
		return 0x100 + r
	case b < 0x7f, 0xa1 <= b && b != 0xad:
		return r
	case b == 0xad:
		return 0x143
	default: // 0x7f to 0xa0
		return 0x121 + r - 0x7f
	}
}

// runeByte is the inverse of [byteRune]; ok is false for other characters.
func runeByte(r rune) (b byte, ok bool) {
	switch {
	case '!' <= r && r < 0x7f, 0xa1 <= r && r <= 0xff && r != 0xad:
		return byte(r), true
	case 0x100 <= r && r <= 0x120:
		return byte(r - 0x100), true
	case 0x121 <= r && r <= 0x142:
		return byte(r - 0x121 + 0x7f), true
	case r == 0x143:
		return 0xad, true
	}
	return 0, false
}

// tokenBytes spells a byte-level token in bytes; a token with a character
// outside the table, such as an added one, stands for its own text.
func tokenBytes(text string) string {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		b, ok := runeByte(r)
		if !ok {
			return text
		}
		out = append(out, b)
	}
	return string(out)
}

// byteText is the byte-level spelling of raw text.
func byteText(raw string) string {
	var out strings.Builder
	for i := range len(raw) {
		out.WriteRune(byteRune(raw[i]))
	}
	return out.String()
}

// complete returns how much of b can be shown now: all but a last rune that
// still lacks bytes.
func complete(b []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		if tail := b[len(b)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(b) - back
			}
			break
		}
	}
	return len(b)
}

// valid returns b as text with U+FFFD for every invalid part: one for the longest
// beginning of a rune, otherwise one per byte (Unicode's recommended practice,
// and Rust's).
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			for size < len(b) && size < utf8.UTFMax-1 && !utf8.FullRune(b[:size+1]) {
				size++
			}
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

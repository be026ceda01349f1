package data

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// readText yields each document of a text file that is not blank, stripped of outer
// white space.
func readText(s Source, in io.Reader, yield func(row) error) error {
	parts := bufio.NewScanner(in)
	// A document may be the whole file. The scanner's buffer grows to the longest one.
	parts.Buffer(nil, math.MaxInt)
	parts.Split(splitAt(s.Separator))
	line := 1
	for parts.Scan() {
		text := parts.Bytes()
		if err := checkUTF8(s.Path, line, text); err != nil {
			return err
		}
		begin := line
		line += bytes.Count(text, []byte("\n")) + strings.Count(s.Separator, "\n")
		if text = bytes.TrimSpace(text); len(text) > 0 {
			if err := yield(row{form: formText, text: string(text)}); err != nil {
				return at(s.Path, "", begin, err)
			}
		}
	}
	if err := parts.Err(); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	return nil
}

// checkUTF8 names the line and the first byte that begins no UTF-8 character; line
// is that of the text's start.
func checkUTF8(path string, line int, text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	bad := firstInvalid(text)
	return fmt.Errorf("%s:%d: byte 0x%02x is not UTF-8", path, line+bytes.Count(text[:bad], []byte("\n")), text[bad])
}

// splitAt makes the split function of a scanner over what stands between separators.
func splitAt(separator string) bufio.SplitFunc {
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		if separator != "" {
			if i := bytes.Index(data, []byte(separator)); i >= 0 {
				return i + len(separator), data[:i:i], nil
			}
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	}
}

// firstInvalid is the index of the first byte that begins no UTF-8 character.
func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

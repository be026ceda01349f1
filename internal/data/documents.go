package data

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// documents calls yield with each document of a file that is not blank, stripped
// of outer white space.
func documents(s Source, yield func(text string)) error {
	f, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s: is a folder, want a text file", s.Path)
	}
	parts := bufio.NewScanner(f)
	// A document may be the whole file. The scanner's buffer grows to the longest one.
	parts.Buffer(nil, int(info.Size())+len(s.Separator)+bufio.MaxScanTokenSize)
	parts.Split(splitAt(s.Separator))
	line := 1
	for parts.Scan() {
		text := parts.Bytes()
		if !utf8.Valid(text) {
			bad := firstInvalid(text)
			return fmt.Errorf("%s:%d: byte 0x%02x is not UTF-8", s.Path, line+bytes.Count(text[:bad], []byte("\n")), text[bad])
		}
		line += bytes.Count(text, []byte("\n")) + strings.Count(s.Separator, "\n")
		if text = bytes.TrimSpace(text); len(text) > 0 {
			yield(string(text))
		}
	}
	if err := parts.Err(); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	return nil
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

package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The patterns that published tokenizers cut words with, as their files spell
// them, and our own for Go source. Each has a scanner written by hand in
// scanners, so that no backtracking engine reads the text of common files.
const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// patternCode keeps a line break with the indentation around it, so that
	// the lines of a nested block cost one token each before their first word. A
	// prompt should therefore end before a line break or after its indentation.
	patternCode = `\s*\n\s*| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
)

// scanners holds, by pattern, a function that finds the end of the first match
// in a text that is not empty. All of these patterns match at any place.
var scanners = map[string]func(text string) int{
	patternGPT2:    scanGPT2,
	patternQwen2:   func(text string) int { return scanTiktoken(text, 1, "\r\n") },
	patternLlama3:  func(text string) int { return scanTiktoken(text, 3, "\r\n") },
	patternSeedOSS: func(text string) int { return scanTiktoken(text, 1, "") },
	patternQwen35:  scanMarked,
	patternO200k:   func(text string) int { return scanCased(text, true, 3) },
	patternTekken:  func(text string) int { return scanCased(text, false, 1) },
	patternCode:    scanCode,
}

// scanner returns the end of the first word of a text that is not empty.
type scanner func(text string) int

func (s scanner) split(text string, atStart bool, emit emitter) {
	for text != "" {
		end := s(text)
		emit(text[:end], atStart)
		text, atStart = text[end:], false
	}
}

// class sorts runes as the patterns do.
type class uint8

const (
	end    class = iota // of the text
	letter              // \p{L}
	number              // \p{N}
	space               // \s
	other               // [^\s\p{L}\p{N}]
)

// classAt returns the class and length of the first rune; an invalid byte counts
// as U+FFFD.
func classAt(text string) (class, int) {
	if text == "" {
		return end, 0
	}
	if c := text[0]; c < utf8.RuneSelf {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			return letter, 1
		case '0' <= c && c <= '9':
			return number, 1
		case c == ' ' || '\t' <= c && c <= '\r':
			return space, 1
		}
		return other, 1
	}
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case unicode.IsLetter(r):
		return letter, size
	case unicode.IsNumber(r):
		return number, size
	case unicode.IsSpace(r):
		return space, size
	}
	return other, size
}

// run returns the end of the longest run of one class from at on.
func run(text string, at int, of class) int {
	for {
		c, size := classAt(text[at:])
		if c != of || c == end {
			return at
		}
		at += size
	}
}

// spaces is the end of \s+(?!\S)|\s+ in a text that begins with white space: the
// last of several before a word is left to the word.
func spaces(text string) int {
	stop := run(text, 0, space)
	if stop == len(text) {
		return stop
	}
	if _, last := utf8.DecodeLastRuneInString(text[:stop]); last < stop {
		return stop - last
	}
	return stop
}

func scanGPT2(text string) int {
	if n := contraction(text, false); n > 0 {
		return n
	}
	at := 0
	c, size := classAt(text)
	if text[0] == ' ' {
		at = 1
		c, size = classAt(text[1:])
	}
	switch c {
	case letter, number, other:
		return run(text, at+size, c)
	default:
		return spaces(text)
	}
}

// scanTiktoken is the pattern of Qwen2, Llama 3 and Seed-OSS, which differ in how many
// digits make a word and in what may follow punctuation.
func scanTiktoken(text string, digits int, tail string) int {
	if n := contraction(text, true); n > 0 {
		return n
	}
	c, size := classAt(text)
	if c == letter {
		return run(text, size, letter)
	}
	if c != number && text[0] != '\r' && text[0] != '\n' {
		if next, _ := classAt(text[size:]); next == letter {
			return run(text, size, letter)
		}
	}
	return scanRest(text, digits, tail)
}

// scanRest is the end that most patterns share:
// \p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[tail]*|\s*[\r\n]+|\s+(?!\S)|\s+
func scanRest(text string, digits int, tail string) int {
	c, at := classAt(text)
	if c == number {
		for {
			if digits--; digits == 0 {
				return at
			}
			c, size := classAt(text[at:])
			if c != number {
				return at
			}
			at += size
		}
	}
	at = 0
	if text[0] == ' ' {
		at = 1
	}
	if c, size := classAt(text[at:]); c == other {
		return lineEnds(text, run(text, at+size, other), tail)
	}
	if i := strings.LastIndexAny(text[:run(text, 0, space)], "\r\n"); i >= 0 {
		return i + 1
	}
	return spaces(text)
}

// lineEnds returns the end of a run of ASCII characters of tail from at on.
func lineEnds(text string, at int, tail string) int {
	for at < len(text) && strings.IndexByte(tail, text[at]) >= 0 {
		at++
	}
	return at
}

func scanCode(text string) int {
	if c, _ := classAt(text); c == space {
		if stop := run(text, 0, space); strings.IndexByte(text[:stop], '\n') >= 0 {
			return stop
		}
	}
	at := 0
	if text[0] == ' ' {
		at = 1
	}
	switch c, size := classAt(text[at:]); c {
	case number:
		return at + size
	case letter, other:
		return run(text, at+size, c)
	default:
		return spaces(text)
	}
}

// contraction returns the length of an English contraction that text begins
// with: 's 't 're 've 'm 'll 'd. With fold, case is ignored the way Unicode folds
// it, under which the long ſ is an s.
func contraction(text string, fold bool) int {
	if text == "" || text[0] != '\'' {
		return 0
	}
	for _, c := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, c) || fold && len(text) >= len(c) && strings.EqualFold(text[:len(c)], c) {
			return len(c)
		}
	}
	if fold && strings.HasPrefix(text, "'ſ") {
		return len("'ſ")
	}
	return 0
}

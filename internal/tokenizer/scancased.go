package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// Patterns that cut before capitals, or count marks among letters.
const (
	upperish = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lowerish = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`

	// patternO200k is that of GPT-4o and Phi-4-mini, patternTekken that of Mistral Nemo.
	patternO200k = `[^\r\n\p{L}\p{N}]?` + upperish + `*` + lowerish + `+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?` + upperish + `+` + lowerish + `*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternTekken = `[^\r\n\p{L}\p{N}]?` + upperish + `*` + lowerish + `+|` +
		`[^\r\n\p{L}\p{N}]?` + upperish + `+` + lowerish + `*|` +
		`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternQwen35  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternSeedOSS = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// letterCase sorts letters as the patterns with capitals do.
type letterCase uint8

const (
	noLetter letterCase = iota
	upper               // Lu, Lt: only among the first
	lower               // Ll: only among the last
	caseless            // Lm, Lo, M: among both
)

func caseAt(text string) (letterCase, int) {
	if text == "" {
		return noLetter, 0
	}
	if c := text[0]; c < utf8.RuneSelf {
		switch {
		case 'a' <= c && c <= 'z':
			return lower, 1
		case 'A' <= c && c <= 'Z':
			return upper, 1
		}
		return noLetter, 1
	}
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case unicode.Is(unicode.Ll, r):
		return lower, size
	case unicode.In(r, unicode.Lu, unicode.Lt):
		return upper, size
	case unicode.In(r, unicode.L, unicode.M):
		return caseless, size
	}
	return noLetter, size
}

// casedWord returns the end of upperish*lowerish+ or, failing that, of
// upperish+lowerish* from at on; 0 for neither.
func casedWord(text string, at int) int {
	firsts, lastCaseless := at, 0 // end of upperish*, and of the last of them that is lowerish too
	for {
		c, size := caseAt(text[firsts:])
		if c != upper && c != caseless {
			break
		}
		firsts += size
		if c == caseless {
			lastCaseless = firsts
		}
	}
	end := firsts
	for {
		c, size := caseAt(text[end:])
		if c != lower && c != caseless {
			break
		}
		end += size
	}
	switch {
	case end > firsts:
		return end
	case lastCaseless > 0:
		return lastCaseless // given back until lowerish+ has one
	case firsts > at:
		return firsts
	}
	return 0
}

// scanCased is patternO200k, with contractions and three digits, or patternTekken.
func scanCased(text string, contractions bool, digits int) int {
	c, size := classAt(text)
	end := 0
	if c == letter {
		end = casedWord(text, 0)
	} else if c != number && text[0] != '\r' && text[0] != '\n' {
		end = casedWord(text, size)
		// Of a mark, which may stand before a word or begin one, only the second way
		// may give lowerish+, and comes before upperish+ of the first way.
		if kind, _ := caseAt(text); kind == caseless && (end == 0 || !endsLowerish(text[size:end])) {
			end = size
		}
	}
	if end > 0 {
		if contractions {
			end += contraction(text[end:], true)
		}
		return end
	}
	return scanRest(text, digits, "\r\n/")
}

// endsLowerish reports whether the last rune of a word could end lowerish+.
func endsLowerish(word string) bool {
	_, size := utf8.DecodeLastRuneInString(word)
	c, _ := caseAt(word[len(word)-size:])
	return c == lower || c == caseless
}

// scanMarked is patternQwen35.
func scanMarked(text string) int {
	if n := contraction(text, true); n > 0 {
		return n
	}
	isLetter := func(text string) (bool, int) {
		c, size := caseAt(text)
		return c != noLetter, size
	}
	ok, at := isLetter(text)
	if !ok && at < len(text) && text[0] != '\r' && text[0] != '\n' {
		if c, _ := classAt(text); c != number {
			ok, _ = isLetter(text[at:])
		}
	}
	if ok {
		for {
			more, size := isLetter(text[at:])
			if !more {
				return at
			}
			at += size
		}
	}
	at = 0
	if text[0] == ' ' {
		at = 1
	}
	start := at
	for {
		c, size := classAt(text[at:])
		if c != other {
			break
		}
		if mark, _ := isLetter(text[at:]); mark {
			break
		}
		at += size
	}
	if at > start {
		return lineEnds(text, at, "\r\n")
	}
	return scanRest(text, 1, "\r\n")
}

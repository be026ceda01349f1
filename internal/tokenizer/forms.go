package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalForm returns text in a Unicode normal form. The library is fast, and
// departs from the standard in two places: it breaks runs of more than 30
// combining marks apart with U+034F (the stream-safe format of UAX 15), and it
// composes a letter and a mark across a starter that combines with what is before
// it, such as U+09BE. Text that may have either goes another way.
func normalForm(form norm.Form, text string) string {
	if awkward(text) {
		return plainForm(form, text)
	}
	return form.String(text)
}

// awkward reports whether the decomposed text may have more than 30 runes in a
// row that combine with what is before them (it may count too many), or has a
// starter that does.
func awkward(text string) bool {
	run := 0
	for i, r := range text {
		if r < 0x300 {
			run = 0
			continue
		}
		p := norm.NFKD.PropertiesString(text[i:])
		switch {
		case p.BoundaryBefore():
			run = 0
		case p.CCC() == 0, r == '\uff9e', r == '\uff9f': // the two get their class from the parts they stand for
			return true
		}
		// No rune of a decomposition that matters here is shorter than two bytes.
		if run += max(1, len(p.Decomposition())/2); run > 30 {
			return true
		}
	}
	return false
}

// plainForm computes a normal form from its definition: decompose, order parts
// by combining class, and for NFC and NFKC compose again.
func plainForm(form norm.Form, text string) string {
	decompose := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decompose = norm.NFKD
	}
	type part struct {
		r   rune
		ccc uint8
	}
	var parts []part
	for _, r := range text {
		if r < utf8.RuneSelf {
			parts = append(parts, part{r, 0})
			continue
		}
		for _, d := range decompose.String(string(r)) {
			parts = append(parts, part{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for lo := 0; lo < len(parts); {
		hi := lo + 1
		for hi < len(parts) && parts[hi].ccc != 0 {
			hi++
		}
		from := lo
		if parts[lo].ccc == 0 {
			from++
		}
		slices.SortStableFunc(parts[from:hi], func(a, b part) int { return int(a.ccc) - int(b.ccc) })
		lo = hi
	}
	composing := form == norm.NFC || form == norm.NFKC
	var out []rune
	starter, last := -1, uint8(0) // index in out of the last starter; class of the last kept mark after it
	for _, m := range parts {
		if composing && starter >= 0 && (last < m.ccc || last == 0 && starter == len(out)-1) {
			if both := []rune(norm.NFC.String(string([]rune{out[starter], m.r}))); len(both) == 1 {
				out[starter] = both[0]
				continue
			}
		}
		if m.ccc == 0 {
			starter = len(out)
		}
		last = m.ccc
		out = append(out, m.r)
	}
	return string(out)
}

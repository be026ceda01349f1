package tokenizer

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer changes a text. lead is how many bytes of it come from the first
// character of the whole input, 0 where it begins later, before and after: a
// [metaspace] of scheme "first" asks. The empty text stays empty.
type normalizer func(text string, lead int) (changed string, newLead int)

// normalizers builds the text change of each supported "type".
var normalizers = map[string]func(node) normalizer{
	"Lowercase":    readLowercase,
	"NFC":          readForm(norm.NFC),
	"NFD":          readForm(norm.NFD),
	"NFKC":         readForm(norm.NFKC),
	"NFKD":         readForm(norm.NFKD),
	"Precompiled":  readPrecompiled,
	"Prepend":      readPrepend,
	"Replace":      readReplace,
	"Strip":        readStripNormalizer,
	"StripAccents": readStripAccents,
}

// readNormalizer returns the text change that the file asks for, or nil for none.
func readNormalizer(n node) normalizer {
	if n.null() {
		return nil
	}
	kind, at := n.kind()
	if kind == "Sequence" {
		return readNormalizerSequence(n)
	}
	read, ok := normalizers[kind]
	if !ok {
		at.unsupported(append(sortedKeys(normalizers), "Sequence")...)
		return nil
	}
	return read(n)
}

func readNormalizerSequence(n node) normalizer {
	var steps []normalizer
	for _, child := range n.object("type", "normalizers").get("normalizers").list() {
		if step := readNormalizer(child); step != nil {
			steps = append(steps, step)
		}
	}
	return func(text string, lead int) (string, int) {
		for _, step := range steps {
			text, lead = step(text, lead)
		}
		return text, lead
	}
}

// inPlace is a normalizer of a function that leaves something where the first
// character was, as tokenizers counts it.
func inPlace(change func(string) string) normalizer {
	return func(text string, lead int) (string, int) {
		changed := change(text)
		if lead > 0 {
			_, first := utf8.DecodeRuneInString(changed)
			lead = min(len(changed), max(first, len(change(text[:lead]))))
		}
		return changed, lead
	}
}

func readForm(form norm.Form) func(node) normalizer {
	return func(n node) normalizer {
		n.object("type")
		return inPlace(func(text string) string { return normalForm(form, text) })
	}
}

func readLowercase(n node) normalizer {
	n.object("type")
	return inPlace(func(text string) string {
		// The one letter that two characters are the small form of, and Go has one.
		return strings.ToLower(strings.ReplaceAll(text, "İ", "i\u0307"))
	})
}

func readPrepend(n node) normalizer {
	prefix := n.object("type", "prepend").get("prepend").text()
	return inPlace(func(text string) string {
		if text == "" {
			return ""
		}
		return prefix + text
	})
}

func readPrecompiled(n node) normalizer {
	at := n.object("type", "precompiled_charsmap").get("precompiled_charsmap")
	raw, err := base64.StdEncoding.DecodeString(at.text())
	if err != nil {
		at.fail("want base64: %w", err)
		return nil
	}
	if len(raw) == 0 {
		return nil
	}
	m, err := parseCharsmap(raw)
	if err != nil {
		at.fail("read character map: %w", err)
		return nil
	}
	return inPlace(m.replaceClusters)
}

func readStripNormalizer(n node) normalizer {
	o := n.object("type", "strip_left", "strip_right")
	left, right := o.get("strip_left").boolean(), o.get("strip_right").boolean()
	return func(text string, lead int) (string, int) {
		if right {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		if left {
			all := len(text)
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
			lead = max(0, lead-(all-len(text)))
		}
		return text, min(lead, len(text))
	}
}

func readStripAccents(n node) normalizer {
	n.object("type")
	drop := func(text string) string {
		return strings.Map(func(r rune) rune {
			if unicode.Is(unicode.M, r) {
				return -1
			}
			return r
		}, text)
	}
	return func(text string, lead int) (string, int) { return drop(text), len(drop(text[:lead])) }
}

func readReplace(n node) normalizer { return readReplacement(n).apply }

// replacement is a Replace step, of a normalizer or of a decoder.
type replacement struct {
	pattern pattern
	with    string
}

func readReplacement(n node) replacement {
	o := n.object("type", "pattern", "content")
	return replacement{readPattern(o.get("pattern")), o.get("content").text()}
}

// apply is a [normalizer]: what replaces several characters stands where the last
// of them did.
func (r replacement) apply(text string, lead int) (string, int) {
	if r.pattern.text != "" {
		if lead > 0 { // what follows it by more than a match does not matter
			_, lead = r.applySpans(text[:min(len(text), lead+len(r.pattern.text)-1)], lead)
		}
		return strings.ReplaceAll(text, r.pattern.text, r.with), lead
	}
	return r.applySpans(text, lead)
}

func (r replacement) applySpans(text string, lead int) (string, int) {
	var out strings.Builder
	at, newLead := 0, 0
	for _, s := range r.pattern.find(text) {
		out.WriteString(text[at:s.lo])
		newLead += max(0, min(lead, s.lo)-at)
		out.WriteString(r.with)
		if s.hi <= lead {
			newLead += len(r.with)
		}
		at = s.hi
	}
	out.WriteString(text[at:])
	return out.String(), newLead + max(0, lead-at)
}

package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// span is a piece of a text: a match of a pattern, or a gap between matches.
type span struct {
	lo, hi int
	match  bool
}

// pattern is what a Split or Replace step looks for.
type pattern struct {
	find   func(text string) []span
	text   string // what it looks for where that is no expression
	source string // the expression where it is one
}

func readPattern(n node) pattern {
	o := n.object("String", "Regex")
	if re := o.get("Regex"); re.raw != nil {
		source := re.text()
		find, err := compilePattern(source)
		if err != nil {
			re.fail("%s is not supported: %w", re.shown(), err)
		}
		return pattern{find: find, source: source}
	}
	at := o.get("String")
	text := at.text()
	if text == "" && at.raw != nil {
		at.fail("want a text that is not empty")
	}
	return pattern{find: func(s string) []span { return literalSpans(s, text) }, text: text}
}

func readBehavior(at node) string {
	name := at.text()
	if behaviors[name] == nil {
		at.unsupported(sortedKeys(behaviors)...)
	}
	return name
}

func readSplit(n node) splitter {
	o := n.object("type", "pattern", "behavior", "invert")
	name, invert := readBehavior(o.get("behavior")), o.get("invert").boolean()
	p := readPattern(o.get("pattern"))
	if scan, ok := scanners[p.source]; ok && (name == "Isolated" || name == "Removed" && invert) {
		return scanner(scan).split // it covers every text, so that there are no gaps to treat otherwise
	}
	return spansSplitter(inverted(p.find, invert), behaviors[name])
}

// runeSplitter cuts at the runes that is picks.
func runeSplitter(is func(rune) bool, behavior string) splitter {
	return spansSplitter(func(text string) []span {
		var spans []span
		for i, r := range text {
			if is(r) {
				_, size := utf8.DecodeRuneInString(text[i:])
				spans = append(spans, span{i, i + size, true})
			}
		}
		return spans
	}, behaviors[behavior])
}

func literalSpans(text, what string) (spans []span) {
	for at := 0; ; {
		i := strings.Index(text[at:], what)
		if i < 0 {
			return spans
		}
		spans = append(spans, span{at + i, at + i + len(what), true})
		at += i + len(what)
	}
}

// inverted makes gaps of the matches and matches of the gaps.
func inverted(find func(string) []span, invert bool) func(string) []span {
	if !invert {
		return find
	}
	return func(text string) []span {
		spans := withGaps(text, find(text))
		for i := range spans {
			spans[i].match = !spans[i].match
		}
		return spans
	}
}

// withGaps fills in what lies between the spans, and drops empty ones.
func withGaps(text string, spans []span) []span {
	full := make([]span, 0, 2*len(spans)+1)
	at := 0
	for _, s := range spans {
		if at < s.lo {
			full = append(full, span{at, s.lo, false})
		}
		if s.lo < s.hi {
			full = append(full, s)
		}
		at = s.hi
	}
	if at < len(text) {
		full = append(full, span{at, len(text), false})
	}
	return full
}

// spansSplitter cuts at the spans that find returns, as behavior says.
func spansSplitter(find func(string) []span, behavior func([]span) []span) splitter {
	return func(text string, atStart bool, emit emitter) {
		for _, s := range behavior(withGaps(text, find(text))) {
			if s.lo < s.hi {
				emit(text[s.lo:s.hi], atStart && s.lo == 0)
			}
		}
	}
}

// behaviors says, by "behavior", what becomes of the matches of a Split; the
// spans handed in cover the text.
var behaviors = map[string]func([]span) []span{
	"Isolated": func(spans []span) []span { return spans },
	"Removed": func(spans []span) []span {
		kept := spans[:0]
		for _, s := range spans {
			if !s.match {
				kept = append(kept, s)
			}
		}
		return kept
	},
	"Contiguous": func(spans []span) []span {
		return joined(spans, func(before, s span) bool { return before.match == s.match })
	},
	"MergedWithPrevious": func(spans []span) []span {
		return joined(spans, func(before, s span) bool { return s.match && !before.match })
	},
	"MergedWithNext": func(spans []span) []span {
		return joined(spans, func(before, s span) bool { return before.match && !s.match })
	},
}

// joined joins a span to the one before it where join says so of the two.
func joined(spans []span, join func(before, s span) bool) []span {
	var out []span
	for i, s := range spans {
		if i > 0 && join(spans[i-1], s) {
			out[len(out)-1].hi = s.hi
			continue
		}
		out = append(out, s)
	}
	return out
}

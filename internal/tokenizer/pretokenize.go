package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter cuts a text that is not empty into words, none of them empty, and
// calls emit for each in order.
type splitter func(text string, emit func(word string))

// preTokenizers builds the splitter of each supported "type"; ByteLevel and
// Sequence are beside it because they say more than where to cut.
var preTokenizers = map[string]func(node) splitter{
	"Digits": readDigits,
	"Split":  readSplit,
}

// readPreTokenizer returns how the file cuts text into words (nil: not at all)
// and whether words are then spelled in bytes.
func readPreTokenizer(n node) (words splitter, byteLevel bool) {
	if n.null() {
		return nil, false
	}
	switch kind, at := n.kind(); kind {
	case "ByteLevel":
		return readByteLevel(n), true
	case "Sequence":
		children := n.object("type", "pretokenizers").get("pretokenizers").list()
		for _, child := range children {
			if byteLevel {
				child.fail("nothing may come after ByteLevel")
				return nil, false
			}
			var step splitter
			step, byteLevel = readPreTokenizer(child)
			words = chain(words, step)
		}
		return words, byteLevel
	default:
		read, ok := preTokenizers[kind]
		if !ok {
			at.unsupported(append(sortedKeys(preTokenizers), "ByteLevel", "Sequence")...)
			return nil, false
		}
		return read(n), false
	}
}

// chain cuts by first, then every piece by second; nil cuts nothing.
func chain(first, second splitter) splitter {
	if first == nil {
		return second
	}
	if second == nil {
		return first
	}
	return func(text string, emit func(string)) {
		first(text, func(piece string) { second(piece, emit) })
	}
}

// readByteLevel reads the cutting half of ByteLevel; the model does the spelling.
func readByteLevel(n node) splitter {
	o := n.object("type", "add_prefix_space", "trim_offsets", "use_regex")
	o.get("trim_offsets").booleanOr(true) // offsets are not kept
	prefix := o.get("add_prefix_space").boolean()
	var cut splitter
	if o.get("use_regex").booleanOr(true) {
		cut = scanner(scanGPT2).split
	}
	if !prefix {
		return cut
	}
	return chain(func(text string, emit func(string)) {
		if text[0] != ' ' {
			text = " " + text
		}
		emit(text)
	}, cut)
}

func readDigits(n node) splitter {
	each := n.object("type", "individual_digits").get("individual_digits").boolean()
	behavior := behaviors["Contiguous"]
	if each {
		behavior = behaviors["Isolated"]
	}
	return spansSplitter(func(text string) []span {
		var spans []span
		for i, r := range text {
			if unicode.IsNumber(r) {
				spans = append(spans, span{i, i + utf8.RuneLen(r), true})
			}
		}
		return spans
	}, behavior)
}

func readSplit(n node) splitter {
	o := n.object("type", "pattern", "behavior", "invert")
	at := o.get("behavior")
	name := at.text()
	behavior, ok := behaviors[name]
	if !ok {
		at.unsupported(sortedKeys(behaviors)...)
	}
	invert := o.get("invert").boolean()
	pattern := o.get("pattern").object("String", "Regex")
	if re := pattern.get("Regex"); re.raw != nil {
		source := re.text()
		if scan, ok := scanners[source]; ok && name == "Isolated" {
			return scanner(scan).split // it covers every text, so that matches and gaps are all matches
		}
		find, err := compilePattern(source)
		if err != nil {
			re.fail("%s is not supported: %w", re.shown(), err)
			return nil
		}
		return spansSplitter(inverted(find, invert), behavior)
	}
	lit := pattern.get("String")
	text := lit.text()
	if text == "" && lit.raw != nil {
		lit.fail("want a text that is not empty")
	}
	return spansSplitter(inverted(func(s string) []span { return literalSpans(s, text) }, invert), behavior)
}

// span is a piece of a text: a match of a pattern, or a gap between matches.
type span struct {
	lo, hi int
	match  bool
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
	return func(text string, emit func(string)) {
		for _, s := range behavior(withGaps(text, find(text))) {
			if s.lo < s.hi {
				emit(text[s.lo:s.hi])
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

// splitAtMarks cuts before every run of "▁". The model says whether that changes
// nothing but speed: see [bpe.markSplits].
func splitAtMarks(text string, emit func(string)) {
	start := 0
	for at := 0; ; {
		i := strings.Index(text[at:], mark)
		if i < 0 {
			break
		}
		i += at
		at = i + len(mark)
		for strings.HasPrefix(text[at:], mark) {
			at += len(mark)
		}
		if start < i {
			emit(text[start:i])
		}
		start = i
	}
	if start < len(text) {
		emit(text[start:])
	}
}

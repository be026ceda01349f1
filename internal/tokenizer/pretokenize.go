package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter cuts a text that is not empty into words, none of them empty, and
// calls emit for each in order. atStart says of a text, and of a word, that it
// begins where the whole input does.
type splitter func(text string, atStart bool, emit emitter)

type emitter func(word string, atStart bool)

// preTokenizers builds the splitter of each supported "type"; ByteLevel and
// Sequence are beside it because they say more than where to cut.
var preTokenizers = map[string]func(node) splitter{
	"CharDelimiterSplit": readDelimiter,
	"Digits":             readDigits,
	"Metaspace":          func(n node) splitter { return readMetaspace(n).split },
	"Punctuation":        readPunctuation,
	"Split":              readSplit,
	"Whitespace":         readWhitespace,
	"WhitespaceSplit":    readWhitespaceSplit,
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
	return func(text string, atStart bool, emit emitter) {
		first(text, atStart, func(piece string, atStart bool) { second(piece, atStart, emit) })
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
	return chain(func(text string, atStart bool, emit emitter) {
		if text[0] != ' ' {
			text = " " + text
		}
		emit(text, atStart)
	}, cut)
}

func readDigits(n node) splitter {
	each := n.object("type", "individual_digits").get("individual_digits").boolean()
	name := "Contiguous"
	if each {
		name = "Isolated"
	}
	return runeSplitter(unicode.IsNumber, name)
}

func readPunctuation(n node) splitter {
	name := "Isolated"
	if at := n.object("type", "behavior").get("behavior"); !at.null() {
		name = readBehavior(at)
	}
	return runeSplitter(isPunctuation, name)
}

// isPunctuation counts all of ASCII that is no letter, digit, space or control,
// and elsewhere what Unicode calls punctuation.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return '!' <= r && r <= '~' && !isAlnum(byte(r))
	}
	return unicode.IsPunct(r)
}

func readDelimiter(n node) splitter {
	at := n.object("type", "delimiter").get("delimiter")
	delimiter, size := utf8.DecodeRuneInString(at.text())
	if size == 0 || size < len(at.text()) {
		at.fail("got %s, want one character", at.shown())
	}
	return runeSplitter(func(r rune) bool { return r == delimiter }, "Removed")
}

func readWhitespaceSplit(n node) splitter {
	n.object("type")
	return runeSplitter(unicode.IsSpace, "Removed")
}

// readWhitespace cuts as \w+|[^\w\s]+ does, and drops the rest.
func readWhitespace(n node) splitter {
	n.object("type")
	return func(text string, atStart bool, emit emitter) {
		kind := func(r rune) int {
			switch {
			case wordRune(r):
				return 1
			case unicode.IsSpace(r):
				return 0
			}
			return 2
		}
		last, from := 0, 0
		for i, r := range text {
			k := kind(r)
			if k == last {
				continue
			}
			if last != 0 {
				emit(text[from:i], atStart && from == 0)
			}
			last, from = k, i
		}
		if last != 0 {
			emit(text[from:], atStart && from == 0)
		}
	}
}

// splitAtMarks cuts before every run of "▁". The model says whether that changes
// nothing but speed: see [bpe.markSplits].
func splitAtMarks(text string, atStart bool, emit emitter) {
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
			emit(text[start:i], atStart && start == 0)
		}
		start = i
	}
	if start < len(text) {
		emit(text[start:], atStart && start == 0)
	}
}

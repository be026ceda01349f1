package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// metaspace writes a mark for every space, puts one before a text as its scheme
// says, and cuts before each where split is set. It is a pre-tokenizer and, the
// other way round, a decoder.
type metaspace struct {
	mark   string
	scheme string // one of metaspaceSchemes
	cut    bool
}

// Schemes by which a metaspace puts a mark before a text without one.
const (
	prependAlways = "always"
	prependFirst  = "first" // only at the start of the whole input
	prependNever  = "never"
)

func readMetaspace(n node) metaspace {
	o := n.object("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep")
	at := o.get("replacement")
	m := metaspace{mark: at.text(), scheme: prependAlways, cut: o.get("split").booleanOr(true)}
	if _, size := utf8.DecodeRuneInString(m.mark); size == 0 || size < len(m.mark) {
		at.fail("got %s, want one character", at.shown())
	}
	scheme := o.get("prepend_scheme")
	if !scheme.null() {
		switch m.scheme = scheme.text(); m.scheme {
		case prependAlways, prependFirst, prependNever:
		default:
			scheme.unsupported(`"always"`, `"first"`, `"never"`)
		}
	}
	// Older files say add_prefix_space where newer ones have a scheme.
	if prefix := o.get("add_prefix_space"); !prefix.booleanOr(true) {
		if !scheme.null() && m.scheme != prependNever {
			prefix.fail(`false contradicts prepend_scheme %q`, m.scheme)
		}
		m.scheme = prependNever
	}
	if rep := o.get("str_rep"); !rep.null() {
		rep.text() // the mark once more
	}
	return m
}

func (m metaspace) split(text string, atStart bool, emit emitter) {
	text = strings.ReplaceAll(text, " ", m.mark)
	if (m.scheme == prependAlways || m.scheme == prependFirst && atStart) && !strings.HasPrefix(text, m.mark) {
		text = m.mark + text
	}
	if !m.cut {
		emit(text, atStart)
		return
	}
	// Each mark belongs to the word behind it, so that a run of them is cut too.
	for lo := 0; lo < len(text); {
		hi := len(text)
		if i := strings.Index(text[lo+1:], m.mark); i >= 0 {
			hi = lo + 1 + i
		}
		emit(text[lo:hi], atStart && lo == 0)
		lo = hi
	}
}

// spell is the decoder: spaces for marks, and none in the first token, where the
// mark is the one that was put there.
func (m metaspace) spell(token string, first bool) string {
	space := " "
	if first && m.scheme != prependNever {
		space = ""
	}
	return strings.ReplaceAll(token, m.mark, space)
}

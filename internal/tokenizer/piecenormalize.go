package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// pieceNormalizer prepares text as sentencepiece does: replacements of its character
// map (the longest that matches), spaces dropped, a space before the text, marks for
// spaces. User-defined pieces stay as they are.
type pieceNormalizer struct {
	charsmap  *charsmap
	user      tokenSet
	prefix    bool
	always    bool // before every piece of text between special tokens, not the first alone
	dropExtra bool
	escape    bool
}

func (n *pieceNormalizer) normalize(text string, lead int) (string, int) {
	if n.dropExtra {
		for text != "" {
			part, size := n.next(text)
			if part != " " {
				break
			}
			text = text[size:]
		}
	}
	if text == "" {
		return "", 0
	}
	space := " "
	if n.escape {
		space = mark
	}
	var out strings.Builder
	out.Grow(len(text) + len(text)/2)
	if n.prefix && (n.always || lead > 0) {
		out.WriteString(space)
	}
	afterSpace := n.dropExtra
	for text != "" {
		part, size := n.next(text)
		text = text[size:]
		if afterSpace {
			part = strings.TrimLeft(part, " ")
		}
		if part == "" {
			continue
		}
		afterSpace = n.dropExtra && strings.HasSuffix(part, " ")
		if n.escape {
			part = strings.ReplaceAll(part, " ", mark)
		}
		out.WriteString(part)
	}
	done := out.String()
	for n.dropExtra && strings.HasSuffix(done, space) {
		done = strings.TrimSuffix(done, space)
	}
	return done, 0
}

// next returns what stands for the beginning of a text, and how long that is.
func (n *pieceNormalizer) next(text string) (part string, size int) {
	if n.user.next != nil && n.user.starts[text[0]] {
		if _, length := n.user.match(text); length > 0 {
			return text[:length], length
		}
	}
	if n.charsmap != nil && (text[0] >= utf8.RuneSelf || !n.charsmap.plain[text[0]]) {
		if with, length := n.charsmap.find(text, true); length > 0 {
			return with, length
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		return "\uFFFD", 1
	}
	return text[:size], size
}

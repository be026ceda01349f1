package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// decoder says how tokens become text. The file gives it as steps; the ones
// supported come down to: spell every token, join, drop a space at the start.
type decoder struct {
	byteLevel bool                  // tokens are byte-level spellings
	replace   []func(string) string // applied to the text of every token
	fallback  bool                  // <0xNN> is one byte
	between   string                // put between tokens
	strip     rune                  // this rune is dropped at the start of the text,
	stripMax  int                   // at most so many times
}

// Steps of the decoder in the order in which they may stand.
const (
	atReplace = iota
	atFused
	atStripped
)

func readDecoder(n node) decoder {
	if n.null() {
		return decoder{between: " "}
	}
	var d decoder
	if kind, at := n.kind(); kind != "Sequence" {
		if kind == "ByteLevel" {
			readByteLevelDecoder(n, &d)
		} else {
			at.unsupported("ByteLevel", "Sequence")
		}
		return d
	}
	stage := atReplace
	for _, child := range n.object("type", "decoders").get("decoders").list() {
		kind, at := child.kind()
		late := false
		switch kind {
		case "ByteLevel":
			late = stage > atReplace || len(d.replace) > 0 || d.fallback
			readByteLevelDecoder(child, &d)
			stage = atFused // it joins what it has
		case "Replace":
			late = stage > atReplace || d.fallback
			from, to := readReplacement(child)
			d.replace = append(d.replace, func(text string) string { return strings.ReplaceAll(text, from, to) })
		case "ByteFallback":
			late = stage > atReplace || d.fallback
			child.object("type")
			d.fallback = true
		case "Fuse":
			late = stage > atFused
			child.object("type")
			stage = atFused
		case "Strip":
			late = stage != atFused
			d.readStrip(child)
			stage = atStripped
		default:
			at.unsupported("ByteFallback", "ByteLevel", "Fuse", "Replace", "Strip")
		}
		if late {
			child.fail("%s is not supported at this place; supported: ByteLevel or Replace, ByteFallback, Fuse, Strip, in this order", kind)
		}
	}
	return d
}

func readByteLevelDecoder(n node, d *decoder) {
	o := n.object("type", "add_prefix_space", "trim_offsets", "use_regex")
	for _, key := range []string{"add_prefix_space", "trim_offsets", "use_regex"} {
		o.get(key).booleanOr(true) // none of them changes what a decoder does
	}
	d.byteLevel = true
}

func (d *decoder) readStrip(n node) {
	o := n.object("type", "content", "start", "stop")
	content := o.get("content")
	r, size := utf8.DecodeRuneInString(content.text())
	if size == 0 || size < len(content.text()) {
		content.fail("got %s, want one character", content.shown())
	}
	if stop := o.get("stop"); stop.integer() != 0 {
		stop.unsupported("0")
	}
	start := o.get("start")
	if d.strip, d.stripMax = r, start.integer(); d.stripMax < 0 {
		start.fail("got %d, want 0 or more", d.stripMax)
	}
}

// spell returns what one token adds to the text; raw says that it is a byte on
// its own.
func (d *decoder) spell(token string) (text string, raw bool) {
	if d.byteLevel {
		return tokenBytes(token), false
	}
	for _, replace := range d.replace {
		token = replace(token)
	}
	if d.fallback {
		if b, ok := parseByteToken(token); ok {
			return string([]byte{b}), true
		}
	}
	return token, false
}

// parseByteToken is the inverse of [byteToken], in either case of the digits.
func parseByteToken(token string) (b byte, ok bool) {
	if len(token) != len("<0x00>") || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(token[3:5]) {
		i := strings.IndexByte("0123456789abcdef", c|0x20)
		if i < 0 || c < '0' {
			return 0, false
		}
		b = b<<4 | byte(i)
	}
	return b, true
}

// Decode returns the text of ids. With skipSpecial, special tokens are left out;
// ids that no token has always are. Bytes that make no valid UTF-8 are U+FFFD: in
// a byte-level file one for every broken rune, otherwise one for every byte of a
// run of byte tokens that is not valid as a whole.
func (t *Tokenizer) Decode(ids []int, skipSpecial bool) string {
	var out, run []byte // run: byte tokens in a row
	first := true
	flush := func() {
		if utf8.Valid(run) {
			out = append(out, run...)
		} else {
			out = append(out, strings.Repeat("\uFFFD", len(run))...)
		}
		run = run[:0]
	}
	for _, id := range ids {
		if _, ok := t.Token(id); !ok || skipSpecial && t.tokens[id].special {
			continue
		}
		text, raw := t.decoder.spell(t.tokens[id].spelled)
		if raw {
			run = append(run, text...)
			continue
		}
		flush()
		if !first {
			out = append(out, t.decoder.between...)
		}
		first = false
		out = append(out, text...)
	}
	flush()
	out, _ = t.decoder.trim(out, t.decoder.stripMax)
	return valid(out)
}

// trim drops what the decoder strips at the start of the text; left is how many
// more it would.
func (d *decoder) trim(text []byte, limit int) (rest []byte, left int) {
	for limit > 0 && len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != d.strip {
			return text, 0
		}
		text, limit = text[size:], limit-1
	}
	return text, limit
}

// Stream decodes ids one by one, for text that is being generated. The parts it
// returns join to what Decode(ids, true) returns, except that broken byte tokens
// are shown as U+FFFD each for itself.
type Stream struct {
	t     *Tokenizer
	held  []byte // the start of a rune that still lacks bytes
	strip int    // how many runes may still be dropped at the start
	first bool
}

// Stream returns a new stream. It leaves special tokens out.
func (t *Tokenizer) Stream() *Stream {
	return &Stream{t: t, strip: t.decoder.stripMax, first: true}
}

// Next takes one more id and returns the text that is certain now: it never ends
// within a rune, and may be empty.
func (s *Stream) Next(id int) string {
	if _, ok := s.t.Token(id); !ok || s.t.tokens[id].special {
		return ""
	}
	if !s.first {
		s.held = append(s.held, s.t.decoder.between...)
	}
	s.first = false
	text, _ := s.t.decoder.spell(s.t.tokens[id].spelled)
	s.held = append(s.held, text...)
	if s.strip > 0 {
		s.held, s.strip = s.t.decoder.trim(s.held, s.strip)
	}
	cut := complete(s.held)
	out := valid(s.held[:cut])
	s.held = append(s.held[:0], s.held[cut:]...)
	return out
}

// Flush returns what is still held at the end: U+FFFD for a rune cut short.
func (s *Stream) Flush() string {
	out := valid(s.held)
	s.held = s.held[:0]
	return out
}

package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// decoder says how tokens become text. The file gives it as steps; the ones
// supported come down to: spell every token, join, drop a space at the start.
type decoder struct {
	byteLevel bool       // tokens are byte-level spellings
	spell     []spelling // applied to the text of every token
	fallback  bool       // then <0xNN> is one byte
	respell   []spelling // applied after that
	between   string     // put between tokens
	strip     rune       // this rune is dropped at the start of the text,
	stripMax  int        // at most so many times
}

// spelling changes the text of one token; first says that it is the first one.
type spelling func(token string, first bool) string

// Steps of the decoder in the order in which they may stand.
const (
	atTokens = iota
	atFused
	atStripped
)

func readDecoder(n node) decoder {
	if n.null() {
		return decoder{between: " "}
	}
	steps := []node{n}
	if kind, _ := n.kind(); kind == "Sequence" {
		steps = n.object("type", "decoders").get("decoders").list()
	}
	var d decoder
	stage := atTokens
	for _, step := range steps {
		kind, at := step.kind()
		late := stage > atTokens
		switch kind {
		case "ByteLevel":
			late = late || len(d.spell) > 0 || d.fallback
			readByteLevelDecoder(step, &d)
			stage = atFused // it joins what it has
		case "Replace":
			r := readReplacement(step)
			d.add(func(token string, _ bool) string {
				token, _ = r.apply(token, 0)
				return token
			})
		case "Metaspace":
			d.add(readMetaspace(step).spell)
		case "ByteFallback":
			late = late || d.fallback
			step.object("type")
			d.fallback = true
		case "Fuse":
			late = stage > atFused
			step.object("type")
			stage = atFused
		case "Strip":
			late = stage > atFused
			r, limit := readStrip(step)
			if stage == atTokens {
				d.add(func(token string, _ bool) string { return trimStart(token, r, limit) })
				break
			}
			d.strip, d.stripMax = r, limit
			stage = atStripped
		default:
			at.unsupported("ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip")
		}
		if late {
			step.fail("%s is not supported at this place; supported: ByteLevel or Metaspace, Replace, Strip and one ByteFallback, then Fuse, then Strip", kind)
		}
	}
	return d
}

// add adds a change of every token, before or after bytes are put together.
func (d *decoder) add(s spelling) {
	if d.fallback {
		d.respell = append(d.respell, s)
	} else {
		d.spell = append(d.spell, s)
	}
}

func readByteLevelDecoder(n node, d *decoder) {
	o := n.object("type", "add_prefix_space", "trim_offsets", "use_regex")
	for _, key := range []string{"add_prefix_space", "trim_offsets", "use_regex"} {
		o.get(key).booleanOr(true) // none of them changes what a decoder does
	}
	d.byteLevel = true
}

func readStrip(n node) (content rune, start int) {
	o := n.object("type", "content", "start", "stop")
	at := o.get("content")
	r, size := utf8.DecodeRuneInString(at.text())
	if size == 0 || size < len(at.text()) {
		at.fail("got %s, want one character", at.shown())
	}
	if stop := o.get("stop"); stop.integer() != 0 {
		stop.unsupported("0")
	}
	from := o.get("start")
	if start = from.integer(); start < 0 {
		from.fail("got %d, want 0 or more", start)
	}
	return r, start
}

// trimStart drops r at the start of a text, at most limit times.
func trimStart(text string, r rune, limit int) string {
	for ; limit > 0; limit-- {
		rest, ok := strings.CutPrefix(text, string(r))
		if !ok {
			break
		}
		text = rest
	}
	return text
}

// spelled returns what one token adds to the text, before respell; raw says that it
// is a byte on its own.
func (d *decoder) spelled(token string, first bool) (text string, raw bool) {
	if d.byteLevel {
		return tokenBytes(token), false
	}
	for _, s := range d.spell {
		token = s(token, first)
	}
	if d.fallback {
		if b, ok := parseByteToken(token); ok {
			return string([]byte{b}), true
		}
	}
	return token, false
}

// respelled is the rest of what becomes of a token.
func (d *decoder) respelled(token string, first bool) string {
	for _, s := range d.respell {
		token = s(token, first)
	}
	return token
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
	taken, put := 0, 0  // tokens before and after bytes were put together
	emit := func(text string) {
		if put > 0 {
			out = append(out, t.decoder.between...)
		}
		out = append(out, t.decoder.respelled(text, put == 0)...)
		put++
	}
	flush := func() {
		if utf8.Valid(run) && len(run) > 0 {
			emit(string(run))
		} else {
			for range run {
				emit("\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, id := range ids {
		if _, ok := t.Token(id); !ok || skipSpecial && t.tokens[id].special {
			continue
		}
		text, raw := t.decoder.spelled(t.tokens[id].spelled, taken == 0)
		taken++
		if raw {
			run = append(run, text...)
			continue
		}
		flush()
		emit(text)
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

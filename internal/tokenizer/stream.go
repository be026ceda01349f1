package tokenizer

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
	first := s.first
	if !first {
		s.held = append(s.held, s.t.decoder.between...)
	}
	s.first = false
	text, raw := s.t.decoder.spelled(s.t.tokens[id].spelled, first)
	if !raw {
		text = s.t.decoder.respelled(text, first)
	}
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

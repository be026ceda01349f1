package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// mark stands for a space in SentencePiece vocabularies.
const mark = "▁"

// bpe is the model: it spells a word in symbols, then joins neighbours in the
// order of the merges until none is left to join.
type bpe struct {
	vocab  map[string]int32
	merges map[pair]merge

	byteLevel bool
	bytes     [256]int32     // byte-level: the byte's character; otherwise the token <0xNN>; none where there is none
	runes     map[rune]int32 // tokens of one rune
	ascii     [utf8.RuneSelf]int32
	fallback  bool // bytes stand in for runes that have no token
	covers    bool // every text can be spelled in bytes
	unk       int32
	fuseUnk   bool             // a run of unknown runes is one token
	whole     map[string]int32 // words that are tokens before any merge (ignore_merges)

	// Characters that only merges know have the ids from loose on, which no token has.
	loose     int32
	looseText []string

	cache *wordCache
}

// none is the id of what has no token.
const none = int32(-1)

// pair is two neighbouring ids, the left one in the high half.
type pair uint64

func pairOf(a, b int32) pair { return pair(uint64(uint32(a))<<32 | uint64(uint32(b))) }

// merge says how early a pair is joined (lowest rank first) and into what.
type merge struct{ rank, id int32 }

// spellOut fills the tables from bytes and from runes, which are those of symbols, to
// ids.
func (m *bpe) spellOut(symbols map[string]int32) {
	m.runes = map[rune]int32{}
	for i := range m.ascii {
		m.ascii[i] = none
	}
	for text, id := range symbols {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || size < len(text) {
			continue
		}
		m.runes[r] = id
		if r < utf8.RuneSelf {
			m.ascii[r] = id
		}
	}
	m.covers = m.byteLevel || m.fallback
	for b := range m.bytes {
		name := byteToken(byte(b))
		if m.byteLevel {
			name = string(byteRune(byte(b)))
		}
		id, ok := m.vocab[name]
		if !ok {
			id, m.covers = none, false
		}
		m.bytes[b] = id
	}
}

// byteToken is the name of the token that stands for one byte.
func byteToken(b byte) string {
	const digits = "0123456789ABCDEF"
	return "<0x" + digits[b>>4:b>>4+1] + digits[b&15:b&15+1] + ">"
}

// markSplits reports whether words may be cut before every run of "▁" without
// changing any id: no merge joins across such a place, no run of unknown runes
// does, and no rune vanishes and lets two marks meet.
func (m *bpe) markSplits() bool {
	return !m.byteLevel && m.whole == nil && m.marksApart()
}

// marksApart is markSplits for words that are no tokens before any merge.
func (m *bpe) marksApart() bool {
	if _, ok := m.vocab[mark]; !ok {
		return false
	}
	if m.unk == none && !m.covers {
		return false
	}
	joined := make(map[int32]bool, len(m.merges))
	for _, to := range m.merges {
		joined[to.id] = true
	}
	for text, id := range m.vocab {
		if joined[id] && strings.Contains(strings.TrimLeft(text, mark), mark) {
			return false
		}
	}
	return true
}

func (m *bpe) table() []token {
	size := int32(0)
	for _, id := range m.vocab {
		size = max(size, id+1)
	}
	tokens := make([]token, size)
	for text, id := range m.vocab {
		tokens[id] = token{text: text, spelled: text, ok: true}
	}
	return tokens
}

func (m *bpe) lookup(text string) (int, bool) {
	id, ok := m.vocab[text]
	return int(id), ok
}

func (m *bpe) entries() int { return len(m.vocab) }

func (m *bpe) append(ids []int, word string) []int {
	if m.whole != nil {
		if id, ok := m.whole[word]; ok {
			return append(ids, int(id))
		}
	}
	known, slot := m.cache.get(word)
	if known == nil {
		var few [48]int32
		known = m.join(m.symbols(few[:0], word))
		if len(m.looseText) > 0 {
			known = m.settle(known)
		}
		m.cache.put(slot, word, known)
	}
	for _, id := range known {
		ids = append(ids, int(id))
	}
	return ids
}

// symbols spells a word in the tokens that merging starts from. What cannot be
// spelled is the unknown token, or nothing without one.
func (m *bpe) symbols(ids []int32, word string) []int32 {
	unknown := false // an unknown token is due
	for i := 0; i < len(word); {
		id, size := m.symbol(word[i:])
		piece := word[i : i+size]
		i += size
		switch {
		case id != none:
			if unknown {
				ids, unknown = append(ids, m.unk), false
			}
			ids = append(ids, id)
		case m.fallback && m.hasBytes(piece):
			// A due unknown token comes after the bytes: tokenizers has it so.
			for k := range len(piece) {
				ids = append(ids, m.bytes[piece[k]])
			}
		case m.unk != none:
			if unknown && !m.fuseUnk {
				ids = append(ids, m.unk)
			}
			unknown = true
		}
	}
	if unknown {
		ids = append(ids, m.unk)
	}
	return ids
}

// settle makes bytes, or one unknown token for a run, of the loose characters that no
// merge took.
func (m *bpe) settle(ids []int32) []int32 {
	var out []int32
	for _, id := range ids {
		switch {
		case id >= m.loose && m.fallback:
			for _, b := range []byte(m.looseText[id-m.loose]) {
				out = append(out, m.bytes[b])
			}
			continue
		case id >= m.loose:
			id = m.unk
		}
		if id != m.unk || len(out) == 0 || out[len(out)-1] != m.unk {
			out = append(out, id)
		}
	}
	return out
}

// symbol returns the id and length of the first byte or rune of a word.
func (m *bpe) symbol(word string) (id int32, size int) {
	c := word[0]
	if m.byteLevel {
		return m.bytes[c], 1
	}
	if c < utf8.RuneSelf {
		return m.ascii[c], 1
	}
	r, size := utf8.DecodeRuneInString(word)
	if r == utf8.RuneError && size == 1 {
		return none, 1
	}
	if id, ok := m.runes[r]; ok {
		return id, size
	}
	return none, size
}

func (m *bpe) hasBytes(piece string) bool {
	for i := range len(piece) {
		if m.bytes[piece[i]] == none {
			return false
		}
	}
	return true
}

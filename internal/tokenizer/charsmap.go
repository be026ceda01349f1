package tokenizer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsmap is the table of replacements that a SentencePiece model carries: a
// double-array trie (as in Darts-clone) of what is replaced, whose values are
// places in a list of texts that a zero byte ends.
type charsmap struct {
	units []uint32
	texts []byte
	plain [utf8.RuneSelf]bool // characters that nothing replaced begins with
}

// parseCharsmap reads the bytes of a precompiled_charsmap: the size of the trie in
// bytes, the trie, the texts.
func parseCharsmap(raw []byte) (*charsmap, error) {
	if len(raw) < 4 {
		return nil, fmt.Errorf("got %d bytes, want 4 or more", len(raw))
	}
	size := int64(binary.LittleEndian.Uint32(raw))
	raw = raw[4:]
	if size == 0 || size%4 != 0 || size > int64(len(raw)) {
		return nil, fmt.Errorf("got a trie of %d bytes, want a multiple of 4 up to %d", size, len(raw))
	}
	m := &charsmap{units: make([]uint32, size/4), texts: raw[size:]}
	if !utf8.Valid(m.texts) {
		return nil, errors.New("texts are not valid UTF-8")
	}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	for c := range m.plain {
		_, child := m.step(m.rootNode(), byte(c))
		m.plain[c] = !child
	}
	return m, nil
}

// unitOffset is how far a unit's children are from it.
func unitOffset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

func (m *charsmap) rootNode() uint32 { return unitOffset(m.units[0]) }

// step follows the edge of a byte.
func (m *charsmap) step(node uint32, b byte) (next uint32, ok bool) {
	node ^= uint32(b)
	if b == 0 || int64(node) >= int64(len(m.units)) {
		return 0, false
	}
	unit := m.units[node]
	if unit&(1<<31|0xff) != uint32(b) {
		return 0, false
	}
	return node ^ unitOffset(unit), true
}

// find returns what replaces the beginning of text, and how long that is, or
// length 0: the longest entry, or the shortest.
func (m *charsmap) find(text string, longest bool) (with string, length int) {
	node := m.rootNode()
	at := -1
	for i := range len(text) {
		parent := node ^ uint32(text[i])
		next, ok := m.step(node, text[i])
		if !ok {
			break
		}
		node = next
		if m.units[parent]>>8&1 == 1 && int64(next) < int64(len(m.units)) {
			at, length = int(m.units[next]&(1<<31-1)), i+1
			if !longest {
				break
			}
		}
	}
	if length == 0 || at > len(m.texts) {
		return "", 0
	}
	entry := m.texts[at:]
	if stop := bytes.IndexByte(entry, 0); stop >= 0 {
		entry = entry[:stop]
	}
	return string(entry), length
}

// replaceClusters replaces as the Precompiled normalizer does: a character with
// all that combines with it, where that is shorter than 6 bytes and an entry begins
// it; otherwise every code point for itself.
func (m *charsmap) replaceClusters(text string) string {
	var out strings.Builder
	done := 0 // text[:done] was written
	for at := 0; at < len(text); {
		if c := text[at]; c < utf8.RuneSelf && m.plain[c] && c != '\r' && (at+1 == len(text) || text[at+1] < utf8.RuneSelf) {
			at++ // a cluster of its own
			continue
		}
		out.WriteString(text[done:at])
		cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(text[at:], -1)
		at += len(cluster)
		done = at
		if len(cluster) < 6 {
			if with, length := m.find(cluster, false); length > 0 {
				out.WriteString(with)
				continue
			}
		}
		for i := 0; i < len(cluster); {
			_, size := utf8.DecodeRuneInString(cluster[i:])
			part := cluster[i : i+size]
			if with, length := m.find(part, false); length > 0 {
				part = with
			}
			out.WriteString(part)
			i += size
		}
	}
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}

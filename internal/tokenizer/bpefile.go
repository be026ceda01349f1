package tokenizer

import "strings"

// readBPE reads the model; byteLevel is what the pre-tokenizer says.
func readBPE(n node, byteLevel bool) *bpe {
	m := &bpe{byteLevel: byteLevel, unk: none, cache: newWordCache()}
	o := n.object("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
		"fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges")
	if at := o.get("dropout"); !at.null() && decode[float64](at, "a number") != 0 {
		at.unsupported("null, 0")
	}
	for _, key := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		if at := o.get(key); !at.null() && at.text() != "" {
			at.unsupported(`null, ""`)
		}
	}
	m.fuseUnk = o.get("fuse_unk").booleanOr(false)
	fallback := o.get("byte_fallback")
	m.fallback = fallback.booleanOr(false)
	m.readVocab(o.get("vocab"))
	if n.doc.failed() {
		return m
	}
	m.readMerges(o.get("merges"))
	m.spellOut(m.vocab)
	if byteLevel && m.fallback && !m.covers {
		fallback.fail("true with ByteLevel is supported only where the vocabulary has all 256 bytes")
	}
	if at := o.get("unk_token"); !at.null() {
		id, ok := m.vocab[at.text()]
		switch {
		case ok:
			m.unk = id
		case !m.covers:
			at.fail("%s is not in the vocabulary", at.shown())
		}
	}
	if o.get("ignore_merges").booleanOr(false) {
		m.whole = m.vocab
		if byteLevel {
			m.whole = make(map[string]int32, len(m.vocab))
			for text, id := range m.vocab {
				if raw := tokenBytes(text); byteText(raw) == text {
					m.whole[raw] = id
				}
			}
		}
	}
	return m
}

func (m *bpe) readVocab(n node) {
	m.vocab = decode[map[string]int32](n, "an object of ids by token")
	owner := make(map[int32]string, len(m.vocab))
	for text, id := range m.vocab {
		if id < 0 || id > maxID {
			n.fail("id of %q: got %d, want 0 to %d", text, id, maxID)
			return
		}
		if other, taken := owner[id]; taken {
			n.fail("id %d: %q and %q have it both", id, min(text, other), max(text, other))
			return
		}
		owner[id] = text
	}
}

// readMerges reads both spellings of the list: "a b" and ["a", "b"].
func (m *bpe) readMerges(n node) {
	list := n.list()
	m.merges = make(map[pair]merge, len(list))
	rank := int32(0)
	for _, item := range list {
		var a, b string
		if len(item.raw) > 0 && item.raw[0] == '"' {
			line := item.text()
			if strings.HasPrefix(line, "#version") {
				continue
			}
			var ok bool
			if a, b, ok = strings.Cut(line, " "); !ok || strings.Contains(b, " ") {
				item.fail("got %s, want two tokens with one space between them", item.shown())
				continue
			}
		} else {
			two := decode[[]string](item, `"a b" or ["a", "b"]`)
			if len(two) != 2 {
				if two != nil {
					item.fail(`got %s, want "a b" or ["a", "b"]`, item.shown())
				}
				continue
			}
			a, b = two[0], two[1]
		}
		left, okLeft := m.vocab[a]
		right, okRight := m.vocab[b]
		id, ok := m.vocab[a+b]
		if !ok || !okLeft || !okRight {
			item.fail("%q, %q and %q must all be in the vocabulary", a, b, a+b)
			continue
		}
		m.merges[pairOf(left, right)] = merge{rank, id}
		rank++
	}
}

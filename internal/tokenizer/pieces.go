package tokenizer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// tokenizerOfPieces builds the tokenizer of a SentencePiece model. Control pieces
// and the unknown one are special tokens, which are found in text as the fast
// tokenizers of transformers find them; text between them is encoded as sentencepiece
// encodes it.
func tokenizerOfPieces(m *pieceModel, c *config) (*Tokenizer, error) {
	n := &pieceNormalizer{prefix: m.prefix, always: c.legacy, dropExtra: m.dropExtra, escape: m.escape}
	if c.addPrefixSpace != nil {
		n.prefix = *c.addPrefixSpace
	}
	if len(m.charsmap) > 0 {
		var err error
		if n.charsmap, err = parseCharsmap(m.charsmap); err != nil {
			return nil, fmt.Errorf("normalizer_spec: precompiled_charsmap: %w", err)
		}
	}
	for i, p := range m.pieces {
		if p.kind == pieceUserDefined {
			n.user.add(p.text, addedToken{id: i})
		}
	}
	t := &Tokenizer{normalize: n.normalize, added: &addedTokens{ids: map[string]int{}}}
	if m.kind == modelBPE {
		model := bpeOfPieces(m)
		t.model, t.words = model, userSplitter(&n.user, m.pieces, model.marksApart())
	} else {
		t.model = unigramOfPieces(m)
	}
	t.tokens = t.model.table()
	t.decoder = decoder{fallback: m.fallback, spell: []spelling{metaspace{mark: mark, scheme: prependNever}.spell}}
	if n.escape { // the first mark is the one that was put before the text
		t.decoder.strip = ' '
		switch {
		case n.dropExtra:
			t.decoder.stripMax = math.MaxInt
		case n.prefix:
			t.decoder.stripMax = 1
		}
	}
	for i, p := range m.pieces {
		if p.kind == pieceControl || p.kind == pieceUnknown {
			t.enter(i, p.text, addedToken{id: i}, true)
		}
	}
	name := func(id int32) string {
		if id == none {
			return ""
		}
		return m.pieces[id].text
	}
	if err := c.apply(t, name(m.bos), name(m.eos)); err != nil {
		return nil, err
	}
	return t, nil
}

// enter makes a token of the table, or a new one, an added token.
func (t *Tokenizer) enter(id int, content string, tok addedToken, special bool) {
	for len(t.tokens) <= id {
		t.tokens = append(t.tokens, token{})
	}
	t.tokens[id] = token{text: content, spelled: content, ok: true, special: special}
	t.added.ids[content] = id
	t.added.raw.add(content, tok)
}

// userSplitter cuts out user-defined pieces, which no merge touches, and then at
// marks where that changes nothing.
func userSplitter(user *tokenSet, pieces []spPiece, atMarks bool) splitter {
	var plain splitter
	if atMarks {
		plain = splitAtMarks
	}
	if user.next == nil {
		return plain
	}
	return func(text string, _ bool, emit emitter) {
		found := func(id int) { emit(pieces[id].text, false) }
		user.cut(text, found, func(segment string, _ int) {
			if plain == nil {
				emit(segment, false)
				return
			}
			plain(segment, false, emit)
		})
	}
}

// bpeOfPieces makes merges of scores: two neighbours are joined where the text of
// both is a piece, the highest score first.
func bpeOfPieces(m *pieceModel) *bpe {
	b := &bpe{vocab: make(map[string]int32, len(m.pieces)), merges: map[pair]merge{}, fallback: m.fallback, unk: m.unk, fuseUnk: true, cache: newWordCache()}
	symbols := make(map[string]int32, len(m.pieces)) // what merging starts from and makes
	var scores []float32
	for i, p := range m.pieces {
		b.vocab[p.text] = int32(i)
		if p.kind == pieceNormal || p.kind == pieceUserDefined {
			symbols[p.text] = int32(i)
			scores = append(scores, p.score)
		}
		if p.kind == pieceUserDefined {
			if b.whole == nil {
				b.whole = map[string]int32{}
			}
			b.whole[p.text] = int32(i)
		}
	}
	// A character that is only part of pieces takes part in merges, and is unknown where
	// it is left over: it has an id beyond those of pieces.
	b.loose = int32(len(m.pieces))
	for _, p := range m.pieces {
		for _, r := range p.text {
			if _, ok := symbols[string(r)]; !ok && (p.kind == pieceNormal || p.kind == pieceUserDefined) {
				symbols[string(r)] = b.loose + int32(len(b.looseText))
				b.looseText = append(b.looseText, string(r))
			}
		}
	}
	slices.SortFunc(scores, func(a, b float32) int { return cmp.Compare(b, a) })
	scores = slices.Compact(scores)
	for i, p := range m.pieces {
		if symbols[p.text] != int32(i) {
			continue
		}
		rank, _ := slices.BinarySearchFunc(scores, p.score, func(a, b float32) int { return cmp.Compare(b, a) })
		for cut := 1; cut < len(p.text); cut++ {
			if !utf8.RuneStart(p.text[cut]) {
				continue
			}
			left, okLeft := symbols[p.text[:cut]]
			right, okRight := symbols[p.text[cut:]]
			if okLeft && okRight {
				b.merges[pairOf(left, right)] = merge{int32(rank), int32(i)}
			}
		}
	}
	b.spellOut(symbols)
	return b
}

// unigramOfPieces is the model with the scores that sentencepiece gives to pieces:
// a user-defined one always wins.
func unigramOfPieces(m *pieceModel) *unigram {
	u := &unigram{vocab: make(map[string]int32, len(m.pieces)), unk: m.unk, fallback: m.fallback, float32s: true, cache: newWordCache()}
	reachable := make(map[string]int32, len(m.pieces))
	worst, best := float32(math.MaxFloat32), float32(0x1p-126)
	for i, p := range m.pieces {
		u.vocab[p.text] = int32(i)
		u.pieces = append(u.pieces, piece{p.text, float64(p.score)})
		if p.kind == pieceNormal {
			worst, best = min(worst, p.score), max(best, p.score)
		}
		if p.kind == pieceNormal || p.kind == pieceUserDefined {
			reachable[p.text] = int32(i)
		}
	}
	for i, p := range m.pieces {
		if p.kind == pieceUserDefined {
			u.pieces[i].score = float64(float32(len(p.text))*best) - 0.1
		}
	}
	u.unkScore = float64(worst - unkPenalty)
	u.trie = newTrie(reachable)
	u.readBytes()
	return u
}

package tokenizer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// unigram is the model that spells a word in the tokens with the highest sum of
// scores (Kudo, "Subword Regularization", arXiv 1804.10959).
type unigram struct {
	vocab    map[string]int32
	pieces   []piece
	trie     *trie
	unk      int32
	unkScore float64
	fallback bool             // bytes stand in for what no token spells
	bytes    [256]int32       // their tokens, none where there is none
	runs     map[string]int32 // tokens that a run of unknown characters may be, as a whole
	float32s bool             // sums are rounded as sentencepiece rounds them

	cache *wordCache
}

type piece struct {
	text  string
	score float64
}

// unkPenalty is how far below the worst token an unknown character scores.
const unkPenalty = 10

func readUnigram(n node) *unigram {
	o := n.object("type", "unk_id", "vocab", "byte_fallback")
	m := &unigram{unk: none, fallback: o.get("byte_fallback").booleanOr(false), cache: newWordCache()}
	at := o.get("vocab")
	// Not through node: a vocabulary has tens of thousands of entries.
	for i, raw := range decode[[]json.RawMessage](at, "a list of [token, score]") {
		var p piece
		pair := []any{&p.text, &p.score}
		if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
			entry := node{doc: n.doc, path: at.path + "[" + strconv.Itoa(i) + "]", raw: raw}
			entry.fail("want [token, score], got %s", entry.shown())
			continue
		}
		m.pieces = append(m.pieces, p)
	}
	if len(m.pieces) > maxID+1 {
		at.fail("got %d tokens, want at most %d", len(m.pieces), maxID+1)
	}
	unk := o.get("unk_id")
	if id := unk.integer(); id < 0 || id >= len(m.pieces) {
		unk.fail("got %d, want the id of one of %d tokens", id, len(m.pieces))
	} else {
		m.unk = int32(id)
	}
	if n.doc.failed() {
		return m
	}
	m.vocab = make(map[string]int32, len(m.pieces))
	worst := math.Inf(1)
	for id, p := range m.pieces {
		m.vocab[p.text] = int32(id) // the last of several
		worst = min(worst, p.score)
	}
	m.unkScore = worst - unkPenalty
	m.trie = newTrie(m.vocab)
	m.runs = m.vocab
	m.readBytes()
	return m
}

// readBytes fills the table of the tokens of bytes.
func (m *unigram) readBytes() {
	for b := range m.bytes {
		id, ok := m.vocab[byteToken(byte(b))]
		if !ok {
			id = none
		}
		m.bytes[b] = id
	}
}

func (m *unigram) append(ids []int, word string) []int {
	known, slot := m.cache.get(word)
	if known == nil {
		known = m.spell(word)
		m.cache.put(slot, word, known)
	}
	for _, id := range known {
		ids = append(ids, int(id))
	}
	return ids
}

// place is the best spelling of the text up to somewhere.
type place struct {
	score float64
	id    int32
	from  int32 // where its last token begins; -1 for no spelling yet
}

// spell returns the ids of a word: the best path, with neighbouring unknown
// characters made one. Cost: O(length × longest token).
func (m *unigram) spell(word string) []int32 {
	places := make([]place, len(word)+1)
	for i := range places {
		places[i].from = -1
	}
	reach := func(from, to int, id int32, score float64) {
		score += places[from].score
		if m.float32s {
			score = float64(float32(score))
		}
		if p := &places[to]; p.from < 0 || score > p.score {
			*p = place{score, id, int32(from)}
		}
	}
	for at := 0; at < len(word); {
		_, size := utf8.DecodeRuneInString(word[at:])
		alone := false // a token spells this character
		node := int32(0)
		for i := at; i < len(word); i++ {
			if node = m.trie.next(node, word[i]); node == 0 {
				break
			}
			if id := m.trie.nodes[node].id; id != none {
				reach(at, i+1, id, m.pieces[id].score)
				alone = alone || i+1-at == size
			}
		}
		if !alone {
			reach(at, at+size, m.unk, m.unkScore)
		}
		at += size
	}
	return m.backtrack(word, places)
}

func (m *unigram) backtrack(word string, places []place) []int32 {
	var ids []int32
	for stop := len(word); stop > 0; {
		id, start := places[stop].id, int(places[stop].from)
		if id != m.unk {
			ids = append(ids, id)
			stop = start
			continue
		}
		for start > 0 && places[start].id == m.unk {
			start = int(places[start].from)
		}
		ids = m.appendUnknown(ids, word[start:stop])
		stop = start
	}
	slices.Reverse(ids)
	return ids
}

// appendUnknown appends the ids of a run of unknown characters from its end on.
func (m *unigram) appendUnknown(ids []int32, run string) []int32 {
	if id, ok := m.runs[run]; ok {
		return append(ids, id)
	}
	spelled := m.fallback
	for i := range len(run) {
		spelled = spelled && m.bytes[run[i]] != none
	}
	if !spelled {
		return append(ids, m.unk)
	}
	for i := len(run) - 1; i >= 0; i-- {
		ids = append(ids, m.bytes[run[i]])
	}
	return ids
}

func (m *unigram) lookup(text string) (int, bool) {
	id, ok := m.vocab[text]
	return int(id), ok
}

func (m *unigram) table() []token {
	tokens := make([]token, len(m.pieces))
	for id, p := range m.pieces {
		tokens[id] = token{text: p.text, spelled: p.text, ok: true}
	}
	return tokens
}

func (m *unigram) entries() int { return len(m.pieces) }

package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxID bounds ids, so that a damaged file cannot ask for gigabytes.
const maxID = 1<<20 - 1

// addedTokens are the tokens that are cut out of the text before anything else.
type addedTokens struct {
	ids        map[string]int
	raw        tokenSet // looked for in the text as it is
	normalized tokenSet // looked for in the normalized text
}

// addedToken says how one of them is found.
type addedToken struct {
	id             int
	singleWord     bool // only where no word character touches it
	lstrip, rstrip bool // takes the white space before or after it along
}

// readAdded reads the list, and enters the tokens in t's id table.
func readAdded(n node, t *Tokenizer) *addedTokens {
	a := &addedTokens{ids: map[string]int{}}
	if n.null() {
		return a
	}
	next := t.model.entries()
	for _, child := range n.list() {
		o := child.object("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special")
		id, content := o.get("id").integer(), o.get("content").text()
		tok := addedToken{
			id:         id,
			singleWord: o.get("single_word").boolean(),
			lstrip:     o.get("lstrip").boolean(),
			rstrip:     o.get("rstrip").boolean(),
		}
		special, normalized := o.get("special").boolean(), o.get("normalized").boolean()
		if _, twice := a.ids[content]; twice {
			o.get("content").fail("%q stands in the list twice", content)
			continue
		}
		if content == "" || !t.claim(o.get("id"), id, content, &next) {
			continue
		}
		a.ids[content] = id
		t.tokens[id].special = special
		if !normalized {
			a.raw.add(content, tok)
			continue
		}
		if t.normalize != nil {
			content, _ = t.normalize(content, 0)
			t.tokens[id].spelled = content
		}
		a.normalized.add(content, tok)
	}
	return a
}

// claim enters an added token in the id table, and reports whether it may. The id
// must be the one that tokenizers gives the token, which does not look at the
// file's: that of the vocabulary, or the next one after vocabulary and added tokens.
func (t *Tokenizer) claim(at node, id int, content string, next *int) bool {
	want, known := *next, false
	if in, ok := t.model.lookup(content); ok {
		want, known = in, true
	}
	if id != want {
		at.fail("got %d for %q, want %d: vocabulary and added tokens are numbered without gaps", id, content, want)
		return false
	}
	for len(t.tokens) <= id {
		t.tokens = append(t.tokens, token{})
	}
	if other := t.tokens[id]; other.ok && other.text != content {
		at.fail("got %d for %q, want an id that %q does not have", id, content, other.text)
		return false
	}
	if !known {
		*next = id + 1
	}
	t.tokens[id] = token{text: content, spelled: content, ok: true}
	return true
}

// tokenSet finds its tokens in a text: the first place first, there the longest.
// It is a trie over bytes; node 0 is the root.
type tokenSet struct {
	starts [256]bool // bytes that some token begins with
	next   map[edge]int
	found  map[int]addedToken // by trie node
	nodes  int
}

type edge struct {
	node int
	b    byte
}

func (s *tokenSet) add(content string, tok addedToken) {
	if content == "" {
		return
	}
	if s.next == nil {
		s.next, s.found = map[edge]int{}, map[int]addedToken{}
	}
	s.starts[content[0]] = true
	at := 0
	for i := range len(content) {
		e := edge{at, content[i]}
		to, ok := s.next[e]
		if !ok {
			s.nodes++
			to = s.nodes
			s.next[e] = to
		}
		at = to
	}
	s.found[at] = tok
}

// match returns the longest token that text begins with.
func (s *tokenSet) match(text string) (tok addedToken, length int) {
	at := 0
	for i := range len(text) {
		to, ok := s.next[edge{at, text[i]}]
		if !ok {
			break
		}
		at = to
		if found, ok := s.found[at]; ok {
			tok, length = found, i+1
		}
	}
	return tok, length
}

// cut calls found for every token in text and plain for what lies between, in
// order; from is where the segment begins. A token that may only stand alone and does not is left in the text,
// and what it covers is not searched again.
func (s *tokenSet) cut(text string, found func(id int), plain func(segment string, from int)) {
	done := 0 // everything before it has been handed out
	if s.next != nil {
		for i := 0; i < len(text); {
			if !s.starts[text[i]] {
				i++
				continue
			}
			tok, length := s.match(text[i:])
			if length == 0 {
				i++
				continue
			}
			start, stop := i, i+length
			i = stop
			if tok.singleWord && (endsInWord(text[:start]) || startsWithWord(text[stop:])) {
				continue
			}
			if tok.lstrip {
				start = len(strings.TrimRightFunc(text[:start], unicode.IsSpace))
			}
			if tok.rstrip {
				stop = len(text) - len(strings.TrimLeftFunc(text[stop:], unicode.IsSpace))
			}
			if done < start {
				plain(text[done:start], done)
			}
			found(tok.id)
			done = stop
		}
	}
	if done < len(text) {
		plain(text[done:], done)
	}
}

func startsWithWord(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	return size > 0 && wordRune(r)
}

func endsInWord(text string) bool {
	r, size := utf8.DecodeLastRuneInString(text)
	return size > 0 && wordRune(r)
}

// wordRune is \w of UTS 18: letters, marks, decimal digits, connectors and joiners.
func wordRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

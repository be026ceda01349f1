package tokenizer

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// TrainOptions says what vocabulary [Train] learns.
type TrainOptions struct {
	VocabSize int      // tokens in all: special ones, 256 bytes, and merges
	Special   []string // special tokens, which get the ids from 0 on
	BOS       string   // the one that the template puts before every text, or ""
}

func (o TrainOptions) check() error {
	if least := len(o.Special) + 256; o.VocabSize < least || o.VocabSize > maxID+1 {
		return fmt.Errorf("train tokenizer: vocabulary size: got %d, want %d to %d", o.VocabSize, least, maxID+1)
	}
	seen := map[string]bool{}
	for _, s := range o.Special {
		if r := []rune(s); len(r) < 2 || seen[s] {
			return fmt.Errorf("train tokenizer: special token %q: want different ones of two characters or more", s)
		}
		seen[s] = true
	}
	if o.BOS != "" && !seen[o.BOS] {
		return fmt.Errorf("train tokenizer: bos %q is not a special token", o.BOS)
	}
	return nil
}

// Train learns a byte-level BPE from docs and returns a complete tokenizer.json,
// which [Parse] and Hugging Face's tokenizers read alike. Words are cut for source
// code: a line break and the indentation around it are one word (a prompt should
// not end within it), digits stand alone. The pair seen most often is merged first,
// the one with the lowest ids among equals, so that the same docs give the same
// bytes.
//
// Cost: one pass over docs, then time in the order of the distinct words. It is
// an error when docs are too small to give VocabSize tokens.
func Train(docs iter.Seq[string], opts TrainOptions) ([]byte, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for doc := range docs {
		scanner(scanCode).split(doc, true, func(word string, _ bool) {
			if n, ok := counts[word]; ok {
				counts[word] = n + 1
			} else {
				counts[strings.Clone(word)] = 1 // a part of doc would keep all of it
			}
		})
	}
	l := newLearner(counts, len(opts.Special))
	vocab := slices.Clone(opts.Special)
	vocab = append(vocab, byteAlphabet()...)
	var merges [][2]string
	for len(vocab) < opts.VocabSize {
		best, ok := l.best()
		if !ok {
			return nil, fmt.Errorf("train tokenizer: got %d tokens, want %d: too little text", len(vocab), opts.VocabSize)
		}
		a, b := best.halves()
		// Two ways to one text (a+bc, ab+c) share its token.
		text := vocab[a] + vocab[b]
		if slices.Contains(opts.Special, text) {
			return nil, fmt.Errorf("train tokenizer: special token %q is a word of the text too", text)
		}
		id, known := l.ids[text]
		if !known {
			id = int32(len(vocab))
			l.ids[text] = id
			vocab = append(vocab, text)
		}
		merges = append(merges, [2]string{vocab[a], vocab[b]})
		l.merge(best, id)
	}
	return trainedFile(vocab, merges, opts)
}

// byteAlphabet lists the characters of the 256 bytes in their order, which is
// the order of GPT-2's vocabulary.
func byteAlphabet() []string {
	alphabet := make([]rune, 256)
	for b := range alphabet {
		alphabet[b] = byteRune(byte(b))
	}
	slices.Sort(alphabet)
	texts := make([]string, len(alphabet))
	for i, r := range alphabet {
		texts[i] = string(r)
	}
	return texts
}

func (p pair) halves() (a, b int32) { return int32(p >> 32), int32(p & 0xffffffff) }

// learner keeps the distinct words as they are merged so far, and how often
// every pair of neighbours stands in the text.
type learner struct {
	words  []learnedWord
	counts map[pair]int64
	where  map[pair][]int32 // words that have or had the pair
	queue  pairQueue        // every pair that counts; its counts may be too high by now
	ids    map[string]int32 // tokens made by merges
}

type learnedWord struct {
	ids   []int32
	times int64
}

// newLearner spells the words in bytes, whose ids begin at first.
func newLearner(counts map[string]int64, first int) *learner {
	l := &learner{counts: map[pair]int64{}, where: map[pair][]int32{}, ids: map[string]int32{}}
	var byteID [256]int32
	for i, text := range byteAlphabet() {
		b, _ := runeByte([]rune(text)[0])
		byteID[b] = int32(first + i)
	}
	for word, times := range counts {
		ids := make([]int32, len(word))
		for i := range len(word) {
			ids[i] = byteID[word[i]]
		}
		l.words = append(l.words, learnedWord{ids, times})
	}
	for w := range l.words {
		l.count(int32(w), +1)
	}
	for p, n := range l.counts {
		l.queue = append(l.queue, countedPair{p, n})
	}
	heap.Init(&l.queue)
	return l
}

// count adds the pairs of a word (sign +1) or takes them away (-1).
func (l *learner) count(w int32, sign int64) {
	word := l.words[w]
	for i := 1; i < len(word.ids); i++ {
		p := pairOf(word.ids[i-1], word.ids[i])
		if sign > 0 {
			if at := l.where[p]; len(at) == 0 || at[len(at)-1] != w {
				l.where[p] = append(at, w)
			}
		}
		l.counts[p] += sign * word.times
	}
}

// best returns the pair seen most often; a pair seen once is worth no token.
func (l *learner) best() (pair, bool) {
	for len(l.queue) > 0 {
		top := l.queue[0]
		if now := l.counts[top.pair]; now != top.times {
			if now < 2 {
				heap.Pop(&l.queue)
				continue
			}
			l.queue[0].times = now
			heap.Fix(&l.queue, 0)
			continue
		}
		return top.pair, top.times >= 2
	}
	return 0, false
}

// merge replaces a pair by id in every word that has it.
func (l *learner) merge(p pair, id int32) {
	a, b := p.halves()
	words := l.where[p]
	delete(l.where, p)
	grown := map[pair]bool{} // pairs that may count more than the queue says
	for _, w := range words {
		ids := l.words[w].ids
		if !hasPair(ids, a, b) {
			continue // listed twice, or merged otherwise since
		}
		l.count(w, -1)
		out := ids[:0]
		for i := 0; i < len(ids); i++ {
			if ids[i] == a && i+1 < len(ids) && ids[i+1] == b {
				out = append(out, id)
				i++
				continue
			}
			out = append(out, ids[i])
		}
		l.words[w].ids = out
		l.count(w, +1)
		for i := 1; i < len(out); i++ {
			if out[i-1] == id || out[i] == id {
				grown[pairOf(out[i-1], out[i])] = true
			}
		}
	}
	delete(l.counts, p)
	for p := range grown {
		heap.Push(&l.queue, countedPair{p, l.counts[p]})
	}
}

func hasPair(ids []int32, a, b int32) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] == a && ids[i] == b {
			return true
		}
	}
	return false
}

type countedPair struct {
	pair  pair
	times int64
}

// pairQueue is a heap for container/heap: most times first, then lowest ids.
type pairQueue []countedPair

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].times, q[i].times), cmp.Compare(q[i].pair, q[j].pair)) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(countedPair)) }
func (q *pairQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

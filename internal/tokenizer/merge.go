package tokenizer

import (
	"container/heap"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync/atomic"
)

// shortWord is the length up to which looking at every pair beats a heap.
const shortWord = 32

// never is the rank of a pair that is not joined.
const never = int32(math.MaxInt32)

// join joins neighbours, lowest rank first and leftmost among equals, until no
// pair is left that has a merge. It may change ids and return a part of it.
// Cost: O(n²) up to shortWord ids, O(n log n) beyond.
func (m *bpe) join(ids []int32) []int32 {
	if len(ids) > shortWord {
		return m.joinLong(ids)
	}
	var ranks, into [shortWord]int32 // of the pair that starts here
	look := func(i int) {
		ranks[i] = never
		if i+1 < len(ids) {
			if to, ok := m.merges[pairOf(ids[i], ids[i+1])]; ok {
				ranks[i], into[i] = to.rank, to.id
			}
		}
	}
	for i := range ids {
		look(i)
	}
	for {
		best, rank := 0, never
		for i, r := range ranks[:len(ids)] {
			if r < rank {
				best, rank = i, r
			}
		}
		if rank == never {
			return ids
		}
		ids[best] = into[best]
		copy(ranks[best+1:], ranks[best+2:len(ids)])
		copy(into[best+1:], into[best+2:len(ids)])
		ids = slices.Delete(ids, best+1, best+2)
		look(best)
		if best > 0 {
			look(best - 1)
		}
	}
}

// joinLong is join with a linked list of symbols and an agenda of pairs. An entry
// of the agenda is out of date when its place has another rank by now.
func (m *bpe) joinLong(ids []int32) []int32 {
	n := int32(len(ids))
	prev, next := make([]int32, n), make([]int32, n)
	ranks, into := make([]int32, n), make([]int32, n)
	todo := agenda{places: map[int32]*places{}}
	look := func(i int32) {
		ranks[i] = never
		if next[i] == n {
			return
		}
		if to, ok := m.merges[pairOf(ids[i], ids[next[i]])]; ok {
			ranks[i], into[i] = to.rank, to.id
			todo.add(to.rank, i)
		}
	}
	for i := range n {
		prev[i], next[i] = i-1, i+1
	}
	for i := range n {
		look(i)
	}
	for {
		rank, i, ok := todo.take()
		if !ok {
			break
		}
		if ranks[i] != rank {
			continue
		}
		gone := next[i]
		ids[i] = into[i]
		ranks[gone] = never
		next[i] = next[gone]
		if next[i] < n {
			prev[next[i]] = i
		}
		look(i)
		if prev[i] >= 0 {
			look(prev[i])
		}
	}
	out := ids[:0]
	for i := int32(0); i < n; i = next[i] {
		out = append(out, ids[i])
	}
	return out
}

// agenda hands out places of a word by rank, then from left to right. Places of
// one rank mostly come in order and are read in order, which is several times as
// fast as one heap of all of them.
type agenda struct {
	ranks  rankHeap // those that have places
	places map[int32]*places
	last   *places // those of ranks[0], or nil for not looked up
}

type places struct {
	at       []int32
	done     int // how many of them were taken
	unsorted bool
}

func (a *agenda) add(rank, place int32) {
	p, ok := a.places[rank]
	if !ok {
		p = &places{}
		a.places[rank] = p
		heap.Push(&a.ranks, rank)
		a.last = nil
	}
	if n := len(p.at); n > p.done && place < p.at[n-1] {
		p.unsorted = true
	}
	p.at = append(p.at, place)
}

func (a *agenda) take() (rank, place int32, ok bool) {
	for len(a.ranks) > 0 {
		rank = a.ranks[0]
		if a.last == nil {
			a.last = a.places[rank]
		}
		p := a.last
		if p.done == len(p.at) {
			heap.Pop(&a.ranks)
			delete(a.places, rank)
			a.last = nil
			continue
		}
		if p.unsorted {
			slices.Sort(p.at[p.done:])
			p.unsorted = false
		}
		p.done++
		return rank, p.at[p.done-1], true
	}
	return 0, 0, false
}

// rankHeap is a heap for container/heap, the lowest rank first.
type rankHeap []int32

func (h rankHeap) Len() int           { return len(h) }
func (h rankHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h rankHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *rankHeap) Push(x any)        { *h = append(*h, x.(int32)) }
func (h *rankHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// wordCache remembers the ids of words. A slot holds the last word that fell on
// it, so that its size is bounded, and slots are swapped whole, so that goroutines
// share it without locks.
type wordCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cachedWord]
}

type cachedWord struct {
	word string
	ids  []int32
}

const (
	cacheSlots  = 1 << 16
	longestWord = 64 // bytes; longer words hardly ever come twice
	noSlot      = -1
)

func newWordCache() *wordCache {
	return &wordCache{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[cachedWord], cacheSlots)}
}

// get returns the ids of a word, or nil and the slot for put.
func (c *wordCache) get(word string) (ids []int32, slot int) {
	if len(word) > longestWord {
		return nil, noSlot
	}
	slot = int(maphash.String(c.seed, word) & (cacheSlots - 1))
	if e := c.slots[slot].Load(); e != nil && e.word == word {
		return e.ids, slot
	}
	return nil, slot
}

// put keeps a copy of both.
func (c *wordCache) put(slot int, word string, ids []int32) {
	if slot == noSlot {
		return
	}
	kept := make([]int32, len(ids)) // never nil, which get would take for unknown
	copy(kept, ids)
	c.slots[slot].Store(&cachedWord{word: strings.Clone(word), ids: kept})
}

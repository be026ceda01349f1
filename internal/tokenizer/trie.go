package tokenizer

import (
	"cmp"
	"slices"
	"strings"
)

// trie finds the tokens that a text begins with. A node's edges lie together,
// sorted by byte.
type trie struct {
	root   [256]int32 // node behind a first byte, 0 for none
	nodes  []trieNode // nodes[0] is the root
	labels []byte     // by edge
	to     []int32
}

type trieNode struct {
	first, edges int32
	id           int32 // token that ends here, or none
}

// newTrie builds a trie of tokens by text; the empty text is left out.
func newTrie(ids map[string]int32) *trie {
	type entry struct {
		text string
		id   int32
	}
	entries := make([]entry, 0, len(ids))
	for text, id := range ids {
		if text != "" {
			entries = append(entries, entry{text, id})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	t := &trie{}
	// A node to be: the entries that share its path, which is depth bytes long.
	type pending struct{ lo, hi, depth int }
	queue := []pending{{0, len(entries), 0}}
	t.nodes = append(t.nodes, trieNode{id: none})
	for at := 0; at < len(queue); at++ {
		p := queue[at]
		if p.lo < p.hi && len(entries[p.lo].text) == p.depth {
			t.nodes[at].id = entries[p.lo].id
			p.lo++
		}
		t.nodes[at].first = int32(len(t.to))
		for lo := p.lo; lo < p.hi; {
			label := entries[lo].text[p.depth]
			n, _ := slices.BinarySearchFunc(entries[lo:p.hi], int(label)+1, func(e entry, above int) int {
				return cmp.Compare(int(e.text[p.depth]), above)
			})
			queue = append(queue, pending{lo, lo + n, p.depth + 1})
			t.nodes = append(t.nodes, trieNode{id: none})
			t.labels = append(t.labels, label)
			t.to = append(t.to, int32(len(t.nodes)-1))
			lo += n
		}
		t.nodes[at].edges = int32(len(t.to)) - t.nodes[at].first
	}
	for i, label := range t.labels[:t.nodes[0].edges] {
		t.root[label] = t.to[i]
	}
	return t
}

// next follows the edge of a byte; 0 is no node.
func (t *trie) next(node int32, b byte) int32 {
	if node == 0 {
		return t.root[b]
	}
	n := t.nodes[node]
	labels := t.labels[n.first : n.first+n.edges]
	if len(labels) > 8 {
		i, found := slices.BinarySearch(labels, b)
		if !found {
			return 0
		}
		return t.to[int(n.first)+i]
	}
	for i, label := range labels {
		if label == b {
			return t.to[int(n.first)+i]
		}
	}
	return 0
}

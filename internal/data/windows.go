package data

// Packing says how documents fill windows.
type Packing string

// The ways of packing.
const (
	// Concat joins all documents and cuts the row into full windows.
	Concat Packing = "concat"
	// Documents gives every document windows of its own, from its first token on. What
	// the last of them lacks is filled up with tokens that no loss counts.
	Documents Packing = "documents"
)

// Windows are the windows of a corpus, all of one length. They read the corpus, which
// must stay open.
type Windows struct {
	corpus  *Corpus
	seqLen  int
	packing Packing
	starts  []int // the first tokens of those that have something to count; nil: all, every seqLen tokens
}

// Cut cuts a corpus into windows of seqLen > 0 inputs.
func (c *Corpus) Cut(seqLen int, packing Packing) *Windows {
	w := &Windows{corpus: c, seqLen: seqLen, packing: packing}
	switch {
	case packing == Documents:
		w.starts = []int{}
		begin := 0
		for i := 1; i <= c.Tokens(); i++ {
			if i == c.Tokens() || c.mark(i)&starts != 0 {
				w.add(begin, i)
				begin = i
			}
		}
	case c.counted < c.tokens:
		w.starts = []int{}
		w.add(0, max(0, c.Tokens()-1)/seqLen*seqLen+1)
	}
	c.release()
	return w
}

// add notes the windows of a range of tokens that predict one that counts.
func (w *Windows) add(begin, end int) {
	for start := begin; start+1 < end; start += w.seqLen {
		for i := start + 1; i < min(start+w.seqLen+1, end); i++ {
			if w.corpus.mark(i)&silent == 0 {
				w.starts = append(w.starts, start)
				break
			}
		}
	}
}

// Len is how many windows there are. Without a mask and joined, that is
// (Tokens-1)/seqLen, rounded down.
func (w *Windows) Len() int {
	if w.starts != nil {
		return len(w.starts)
	}
	return max(0, w.corpus.Tokens()-1) / w.seqLen
}

// SeqLen is the number of inputs of a window.
func (w *Windows) SeqLen() int { return w.seqLen }

// Corpus is what was cut.
func (w *Windows) Corpus() *Corpus { return w.corpus }

// Start is the first token of window i, for i in [0, Len()).
func (w *Windows) Start(i int) int {
	if w.starts != nil {
		return w.starts[i]
	}
	return i * w.seqLen
}

// Batch is some windows, row by row.
type Batch struct {
	Inputs, Targets []int32
	Counted         []bool // the targets that the loss counts; nil: all
	Real            []bool // the inputs that are of the text; nil: all
}

// Batch copies the windows that begin at the given tokens.
func (w *Windows) Batch(starts ...int) Batch {
	n := len(starts) * w.seqLen
	b := Batch{Inputs: make([]int32, n), Targets: make([]int32, n)}
	if w.starts != nil {
		b.Counted = make([]bool, n)
	}
	if w.packing == Documents {
		b.Real = make([]bool, n)
	}
	for row, start := range starts {
		at := row * w.seqLen
		mark := w.corpus.mark(start)
		for i := range w.predicted(start) {
			b.Inputs[at+i] = int32(mark & idOfMark)
			mark = w.corpus.mark(start + i + 1)
			b.Targets[at+i] = int32(mark & idOfMark)
			if b.Counted != nil {
				b.Counted[at+i] = mark&silent == 0
			}
			if b.Real != nil {
				b.Real[at+i] = true
			}
		}
	}
	return b
}

// Tokens are those of window i: the one that is only read, and those that it predicts.
func (w *Windows) Tokens(i int) []Token {
	start := w.Start(i)
	all := []Token{w.corpus.token(start)}
	all[0].Counted = false
	for t := range w.predicted(start) {
		all = append(all, w.corpus.token(start+t+1))
	}
	return all
}

// predicted is how many tokens the window at a start predicts.
func (w *Windows) predicted(start int) int {
	if w.packing != Documents {
		return w.seqLen
	}
	n := 0
	for n < w.seqLen && start+n+1 < w.corpus.Tokens() && w.corpus.mark(start+n+1)&starts == 0 {
		n++
	}
	return n
}

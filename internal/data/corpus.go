// Package data turns text files into the windows that models are trained and
// measured on.
//
// [Load] makes a [Corpus] of files, one row of token ids. To measure, take
// [Corpus.Window] 0 to [Corpus.Windows]: fixed windows, so that two losses are of
// the same tokens. To train, give [Corpus.Batch] what [Sampler.Starts] drew.
//
// # How a loss is counted
//
// A file is split at its separator. Each document is stripped of outer white
// space, dropped if nothing is left, and encoded as the tokenizer's template says,
// with a BOS where that adds one. All ids are joined and cut into windows of
// seqLen inputs without overlap. A window predicts seqLen next tokens, of which
// the last is the first input of the window after it; a rest that fills no window
// is dropped.
//
// # Limits
//
// Plain text in UTF-8. The ids of a corpus are in memory, 4 bytes each; of the
// text, one document at a time is.
package data

import (
	"errors"
	"fmt"
	"slices"
)

// Encoder turns the text of one document into token ids, special tokens of the
// tokenizer's template included.
type Encoder interface {
	Encode(text string) []int
}

// Source is one text file and what stands between its documents. With an empty
// separator the file is one document.
type Source struct{ Path, Separator string }

// Corpus is the joined token ids of some files.
type Corpus struct{ ids []int32 }

// Load reads and encodes the sources in order. Errors name the file and, for bytes
// that are no UTF-8, the line.
func Load(enc Encoder, sources []Source) (*Corpus, error) {
	if len(sources) == 0 {
		return nil, errors.New("load data: got no files, want at least one")
	}
	c := &Corpus{}
	for _, s := range sources {
		before := len(c.ids)
		err := documents(s, func(text string) {
			for _, id := range enc.Encode(text) {
				c.ids = append(c.ids, int32(id))
			}
		})
		if err != nil {
			return nil, fmt.Errorf("load data: %w", err)
		}
		if len(c.ids) == before {
			return nil, fmt.Errorf("load data: %s: got no text, want at least one document", s.Path)
		}
	}
	return c, nil
}

// Tokens is the number of ids in the corpus.
func (c *Corpus) Tokens() int { return len(c.ids) }

// HighestID is the largest id in the corpus.
func (c *Corpus) HighestID() int { return int(slices.Max(c.ids)) }

// Windows is how many windows of seqLen inputs the corpus has: (Tokens-1)/seqLen,
// rounded down.
func (c *Corpus) Windows(seqLen int) int { return max(0, len(c.ids)-1) / seqLen }

// Window returns window i of the fixed cut, for i in [0, Windows(seqLen)). Both
// slices have length seqLen and belong to the corpus: read them only.
func (c *Corpus) Window(i, seqLen int) (inputs, targets []int32) {
	return c.at(i*seqLen, seqLen)
}

func (c *Corpus) at(start, seqLen int) (inputs, targets []int32) {
	return c.ids[start : start+seqLen : start+seqLen], c.ids[start+1 : start+seqLen+1 : start+seqLen+1]
}

// Batch copies the windows that begin at the given tokens into row-major
// [len(starts), seqLen] inputs and targets.
func (c *Corpus) Batch(starts []int, seqLen int) (inputs, targets []int32) {
	inputs = make([]int32, 0, len(starts)*seqLen)
	targets = make([]int32, 0, len(starts)*seqLen)
	for _, s := range starts {
		in, out := c.at(s, seqLen)
		inputs, targets = append(inputs, in...), append(targets, out...)
	}
	return inputs, targets
}

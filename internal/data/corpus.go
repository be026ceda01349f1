// Package data turns files of text, conversations and questions with answers into
// the windows that models are trained and measured on.
//
// [Load] makes a [Corpus] of files: one row of token ids, and for each whether the
// loss counts it. [Corpus.Cut] cuts it into [Windows]. To measure, take all of them
// in order, so that two losses are of the same tokens. To train, give
// [Windows.Batch] what [Sampler.Starts] drew.
//
// # Forms
//
// The end of a file's name says what it holds; .gz may follow .txt and .jsonl.
//
//	.txt, or any other   documents with a separator between them
//	.jsonl               one JSON object per line
//	.parquet             one row per document, in columns of the same names
//
// A row has text; or prompt and completion, of which the completion counts; or
// messages, each with role and content, of which the assistant's turns count as the
// model's chat template writes them. A file has rows of one of these forms. Other
// keys are not looked at.
//
// # How a loss is counted
//
// A text file is split at its separator. Each document is stripped of outer white
// space, dropped if nothing is left, and encoded as the tokenizer's template says,
// with a BOS where that adds one; rows of text are such documents too. All ids are
// joined and cut into windows of seqLen inputs without overlap. A window predicts
// seqLen next tokens, of which the last is the first input of the window after it; a
// rest that fills no window is dropped. Where not every token counts, the loss is the
// mean over those that do, and a window of none is left out.
//
// # Limits
//
// Text is UTF-8. A token takes 4 bytes, in memory or, for a larger corpus, in a file
// of the cache folder that is mapped into memory. While a file is read, one document
// of it is in memory, which is the whole file where there is no separator. Nothing
// separates the documents of a window from each other: attention and state run
// across; [Documents] gives each its own windows instead. Of a parquet file a page of
// each column at a time is in memory; one whose sizes cannot be true is refused.
package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/edsrzf/mmap-go"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Source is one file. Separator is what stands between the documents of a text
// file; where it is empty the file is one document.
type Source struct{ Path, Separator string }

// Options say where a corpus is kept.
type Options struct {
	Cache  string            // folder for the tokens of large corpora; empty: all are in memory
	Above  int64             // bytes of files from which on a corpus is large; 0: 16 MiB
	Notice func(line string) // told before minutes are spent; may be nil
}

// Corpus is the joined tokens of some files.
type Corpus struct {
	row     []byte // a mark per token, 4 bytes, little endian
	mapping mmap.MMap
	totals
}

// totals is what is known of a row of tokens without reading it.
type totals struct{ tokens, counted, documents, highest int64 }

// A mark is a token's id and what is to be known of it.
const (
	starts   = 1 << 31 // it is the first of its document
	silent   = 1 << 30 // the loss does not count it
	idOfMark = silent - 1
	markSize = 4
)

// Load reads and encodes the sources in order. Errors name the file and the line or
// row. The corpus must be closed.
func Load(enc Encoding, sources []Source, o Options) (*Corpus, error) {
	if len(sources) == 0 {
		return nil, errors.New("load data: got no files, want at least one")
	}
	size, err := sizeOf(sources)
	if err != nil {
		return nil, fmt.Errorf("load data: %w", err)
	}
	if o.Above == 0 {
		o.Above = 16 << 20
	}
	var c *Corpus
	if o.Cache != "" && enc.Fingerprint != nil && size > o.Above {
		c, err = loadCached(enc, sources, size, o)
	} else {
		c, err = loadInMemory(enc, sources)
	}
	if err != nil {
		return nil, fmt.Errorf("load data: %w", err)
	}
	return c, nil
}

func loadInMemory(enc Encoding, sources []Source) (*Corpus, error) {
	var row bytes.Buffer
	t, err := encodeAll(enc, sources, &row)
	return &Corpus{row: row.Bytes(), totals: t}, err
}

// Close gives back what the corpus holds. Its windows must not be read any more.
func (c *Corpus) Close() error {
	c.row = nil
	if c.mapping == nil {
		return nil
	}
	return c.mapping.Unmap()
}

// Tokens is the number of tokens in the corpus.
func (c *Corpus) Tokens() int { return int(c.tokens) }

// Counted is how many of them the loss counts, where they are predicted.
func (c *Corpus) Counted() int { return int(c.counted) }

// Documents is the number of documents.
func (c *Corpus) Documents() int { return int(c.documents) }

// HighestID is the largest id in the corpus.
func (c *Corpus) HighestID() int { return int(c.highest) }

// Equal reports whether two corpora are the same tokens, counted alike.
func (c *Corpus) Equal(other *Corpus) bool { return bytes.Equal(c.row, other.row) }

// Token is a token and what is to be known of it.
type Token struct {
	ID      int
	Counted bool // the loss counts it, where it is predicted
	Starts  bool // it is the first of its document
}

// All goes through the tokens.
func (c *Corpus) All() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		for i := range c.Tokens() {
			if !yield(c.token(i)) {
				return
			}
		}
	}
}

func (c *Corpus) token(i int) Token {
	m := c.mark(i)
	return Token{int(m & idOfMark), m&silent == 0, m&starts != 0}
}

func (c *Corpus) mark(i int) uint32 { return binary.LittleEndian.Uint32(c.row[markSize*i:]) }

// release tells the system that a mapped row is not needed in memory for now.
func (c *Corpus) release() {
	if c.mapping != nil {
		fsx.DropPages(c.mapping, 0, len(c.mapping))
	}
}

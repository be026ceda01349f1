package data

import (
	"errors"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// Tokenizer turns text into token ids.
type Tokenizer interface {
	Encode(text string) []int      // with the special tokens of the tokenizer's template
	EncodePlain(text string) []int // without them
}

// Encoding is how a model reads documents. [Open] finds that of a model folder.
type Encoding struct {
	Tokenizer Tokenizer
	End       []int // after a completion, where the tokenizer's template ends with nothing itself

	// Chat writes a conversation and says which parts of the text are answers. Nil
	// refuses conversations.
	Chat func([]chat.Message) (string, []chat.Span, error)

	// Fingerprint tells two encodings apart, for the cache. Nil: nothing is cached.
	Fingerprint func() (string, error)
}

var errNoChat = errors.New("has messages, and there is no chat template to write them with")

// encode returns the tokens of a document and which of them count; nil: all.
func (e Encoding) encode(r row) (ids []int, counts []bool, err error) {
	switch r.form {
	case formAnswer:
		ids, counts = e.answer(r.prompt, r.completion)
		return ids, counts, nil
	case formChat:
		if e.Chat == nil {
			return nil, nil, errNoChat
		}
		text, answers, err := e.Chat(r.messages)
		if err != nil {
			return nil, nil, err
		}
		ids = e.Tokenizer.EncodePlain(text)
		return ids, e.within(text, ids, answers), nil
	default:
		return e.Tokenizer.Encode(r.text), nil, nil
	}
}

// answer encodes a prompt and its completion as one text, so that the words at the
// seam are those that the model will meet.
func (e Encoding) answer(prompt, completion string) (ids []int, counts []bool) {
	text := prompt + completion
	plain := e.Tokenizer.EncodePlain(text)
	prefix, suffix := frame(e.Tokenizer.Encode(text), plain)
	if len(suffix) == 0 {
		suffix = e.End
	}
	counts = append(counts, make([]bool, len(prefix))...)
	counts = append(counts, e.within(text, plain, []chat.Span{{Start: len(prompt), End: len(text)}})...)
	for range suffix {
		counts = append(counts, true)
	}
	return slices.Concat(prefix, plain, suffix), counts
}

// frame is what stands before and after the plain ids in the full ones.
func frame(full, plain []int) (prefix, suffix []int) {
	for i := 0; i+len(plain) <= len(full); i++ {
		if slices.Equal(full[i:i+len(plain)], plain) {
			return full[:i], full[i+len(plain):]
		}
	}
	return nil, nil
}

// within says of each id of a text whether it comes from within the spans. A token
// over the start of a span is within, for to predict it is to predict of the span;
// one over its end is not.
func (e Encoding) within(text string, ids []int, spans []chat.Span) []bool {
	var cuts []int
	for _, s := range spans {
		cuts = append(cuts, s.Start, s.End)
	}
	places := e.places(text, ids, cuts)
	counts := make([]bool, len(ids))
	for i := 0; i < len(places); i += 2 {
		for j := places[i]; j < places[i+1]; j++ {
			counts[j] = true
		}
	}
	return counts
}

// places finds how many ids stand before each cut of the text.
func (e Encoding) places(text string, ids, cuts []int) []int {
	// Mostly words end where the text is cut, so that its pieces are encoded as the whole is.
	var joined, places []int
	before := 0
	for _, cut := range cuts {
		joined = append(joined, e.Tokenizer.EncodePlain(text[before:cut])...)
		places = append(places, len(joined))
		before = cut
	}
	joined = append(joined, e.Tokenizer.EncodePlain(text[before:])...)
	if slices.Equal(joined, ids) {
		return places
	}
	// If not, as where the first word of any text is marked, what comes before a cut
	// is encoded as the whole is up to about there.
	for i, cut := range cuts {
		if cut == len(text) {
			places[i] = len(ids)
			continue
		}
		places[i] = common(e.Tokenizer.EncodePlain(text[:cut]), ids)
	}
	return places
}

// common is the number of first elements that two lists share.
func common(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

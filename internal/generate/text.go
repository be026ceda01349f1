package generate

import (
	"context"
	"errors"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// Continuation is what a model made of a prompt.
type Continuation struct {
	Text string `json:"text"` // without the prompt and without special tokens
	IDs  []int  `json:"ids"`  // the new tokens, without the prompt's, a stop token included

	Reason string `json:"reason"` // why it ends: [Stop], [Length] or [Context]; "" with an error
}

// Why a continuation ends.
const (
	Stop    = "stop"    // the model ended it
	Length  = "length"  // it has as many tokens as were asked for
	Context = "context" // the model has learned no more positions
)

// Text continues a prompt, which is encoded with the special tokens that the
// tokenizer's template adds. Pieces of new text go to piece, unless that is nil, as
// soon as they are certain; they join to the continuation's text. What there is of
// it is returned with an error, too. To run out of positions is none, unless it is the
// prompt that does.
func (g *Generator) Text(ctx context.Context, tok *tokenizer.Tokenizer, prompt string, o Options, piece func(string) error) (Continuation, error) {
	return g.TextFrom(ctx, tok, tok.Encode(prompt), o, piece)
}

// TextFrom is [Generator.Text] for a prompt that is encoded.
func (g *Generator) TextFrom(ctx context.Context, tok *tokenizer.Tokenizer, ids []int, o Options, piece func(string) error) (Continuation, error) {
	if piece == nil {
		piece = func(string) error { return nil }
	}
	stream := tok.Stream()
	for _, id := range ids {
		stream.Next(id) // so that the new text begins as a continuation does
	}
	c := Continuation{IDs: []int{}}
	emit := func(text string) error {
		if text == "" {
			return nil
		}
		c.Text += text
		return piece(text)
	}
	got, err := g.Generate(ctx, ids, o, func(id int) error { return emit(stream.Next(id)) })
	c.IDs = append(c.IDs, got...)
	_, full := errors.AsType[*arch.LengthError](err)
	switch {
	case full && len(got) > 0:
		c.Reason, err = Context, nil
	case err != nil:
	case slices.Contains(o.Stop, got[len(got)-1]):
		c.Reason = Stop
	default:
		c.Reason = Length
	}
	return c, errors.Join(err, emit(stream.Flush()))
}

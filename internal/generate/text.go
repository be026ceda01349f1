package generate

import (
	"context"
	"errors"

	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// Continuation is what a model made of a prompt.
type Continuation struct {
	Text string `json:"text"` // without the prompt and without special tokens
	IDs  []int  `json:"ids"`  // the new tokens, without the prompt's, a stop token included
}

// Text continues a prompt, which is encoded with the special tokens that the
// tokenizer's template adds. Pieces of new text go to piece, unless that is nil, as
// soon as they are certain; they join to the continuation's text. What there is of
// it is returned with an error, too.
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
	return c, errors.Join(err, emit(stream.Flush()))
}

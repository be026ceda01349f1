// Package chat turns a conversation into the text that a model was trained on, by
// the Jinja template of its folder.
//
// [Load] reads the template, [Template.Render] writes a prompt, and
// [Template.RenderSpans] a whole conversation with the parts that the assistant
// wrote, for a loss that counts those alone. The text has the special tokens of the
// template in it, a first BOS included: encode it without adding any.
//
// # Limits
//
// Messages are text with a role: no tools, no images, no options of single models.
//
// # Compatibility
//
// Texts equal those of apply_chat_template of transformers 5.23.0 with tokenize=False;
// what templates may contain is in package jinja.
package chat

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/chat/jinja"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant", in most templates
	Content string `json:"content"`
}

// Span is a range of bytes of a text.
type Span = jinja.Span

// Template is safe for use by several goroutines at once.
type Template struct {
	name    string // where it stands, for errors
	program *jinja.Template
	special map[string]string // texts of special tokens, by names such as bos_token
	now     time.Time         // zero: the time of rendering
}

// RefusedError is what a template itself says about a conversation that it is not
// made for, such as one whose roles do not alternate.
type RefusedError = jinja.RaisedError

// Parse reads a template. The special tokens are those it may name, such as
// bos_token; name stands in errors.
func Parse(name, source string, special map[string]string) (*Template, error) {
	program, err := jinja.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Template{name: name, program: program, special: special}, nil
}

// At returns the template with a fixed time, for those that write today's date: equal
// conversations then give equal texts on every day.
func (t *Template) At(now time.Time) *Template {
	fixed := *t
	fixed.now = now
	return &fixed
}

// Render writes the messages as one text; with addGenerationPrompt it ends where the
// assistant's next answer begins.
func (t *Template) Render(messages []Message, addGenerationPrompt bool) (string, error) {
	got, err := t.render(messages, addGenerationPrompt)
	return got.Text, err
}

func (t *Template) render(messages []Message, prompt bool) (jinja.Result, error) {
	if len(messages) == 0 {
		return jinja.Result{}, errors.New("render a conversation: it has no messages")
	}
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = jinja.NewDict("role", m.Role, "content", m.Content)
	}
	// Templates ask whether there are tools, not whether anyone spoke of them.
	vars := map[string]any{"messages": list, "add_generation_prompt": prompt, "tools": nil, "documents": nil}
	for name, text := range t.special {
		vars[name] = text
	}
	now := t.now
	if now.IsZero() {
		now = time.Now()
	}
	got, err := t.program.Execute(vars, now)
	if err != nil {
		return jinja.Result{}, fmt.Errorf("render a conversation by %s: %w", t.name, err)
	}
	return got, nil
}

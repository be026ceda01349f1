package chat

import (
	"fmt"
	"strings"
	"time"
)

// RenderSpans writes the messages as one text and says which parts of it the
// assistant wrote, in order and apart from each other: those that a model learns
// from, with what ends an answer.
//
// Where the template has generation blocks, they say it. Elsewhere an answer is what
// stands between the text of the messages before it, with the generation prompt, and
// that of the messages after it. A conversation whose beginning a template writes
// otherwise when more follows is an error, since the parts cannot be told apart.
func (t *Template) RenderSpans(messages []Message) (string, []Span, error) {
	if t.now.IsZero() {
		t = t.At(time.Now()) // one time for all texts that are compared
	}
	whole, err := t.render(messages, false)
	if err != nil {
		return "", nil, err
	}
	if len(whole.Generated) > 0 {
		return whole.Text, whole.Generated, nil
	}
	var spans []Span
	for i, m := range messages {
		if m.Role != "assistant" {
			continue
		}
		span, err := t.answer(whole.Text, messages[:i+1])
		if err != nil {
			return "", nil, fmt.Errorf("find the answer in message %d: %w", i+1, err)
		}
		spans = append(spans, span)
	}
	return whole.Text, spans, nil
}

// answer finds the last of the messages in the text of the whole conversation.
func (t *Template) answer(whole string, messages []Message) (Span, error) {
	last := len(messages) - 1
	before, err := t.Render(messages[:last], true)
	if err != nil {
		return Span{}, err
	}
	until, err := t.Render(messages, false)
	if err != nil {
		return Span{}, err
	}
	if !strings.HasPrefix(whole, before) || !strings.HasPrefix(until, before) {
		return Span{}, fmt.Errorf("%s writes what comes before otherwise when an answer follows", t.name)
	}
	content := strings.TrimSpace(messages[last].Content)
	if until == before && content != "" {
		return Span{}, fmt.Errorf("%s leaves the answer out", t.name)
	}
	rest, answer := whole[len(before):], until[len(before):]
	// Some templates end a conversation, and not each answer, with EOS.
	for _, a := range []string{answer, strings.TrimSuffix(answer, t.special["eos_token"])} {
		if strings.HasPrefix(rest, a) {
			return Span{Start: len(before), End: len(before) + len(a)}, nil
		}
		// Others put something before the last answer alone, such as empty thoughts.
		if at := strings.LastIndex(a, content); at >= 0 && content != "" && strings.HasPrefix(rest, a[at:]) {
			return Span{Start: len(before), End: len(before) + len(a[at:])}, nil
		}
	}
	return Span{}, fmt.Errorf("%s writes the answer otherwise when more follows", t.name)
}

package chat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// conversation makes messages of roles by their first letters.
func conversation(roles string, contents ...string) []chat.Message {
	names := map[rune]string{'s': "system", 'u': "user", 'a': "assistant"}
	var messages []chat.Message
	for i, r := range roles {
		messages = append(messages, chat.Message{Role: names[r], Content: contents[i]})
	}
	return messages
}

func TestRenderSpans(t *testing.T) {
	dir := "testdata"
	g := readGolden(t, dir)
	turns := conversation("uaua", "A?", " B ", "C?", "D")
	for name, want := range map[string][]string{
		"chatml.jinja":   {" B <|im_end|>\n", "D<|im_end|>\n"},
		"llama3.jinja":   {"B<|eot_id|>", "D<|eot_id|>"},
		"mistral.jinja":  {" B</s>", " D</s>"},
		"phi3.jinja":     {" B <|end|>\n", "D<|end|>\n</s>"},
		"zephyr.jinja":   {" B </s>\n", "D</s>\n"},
		"thoughts.jinja": {" B </s>", "<think>\n\n</think>\n\nD</s>"},
	} {
		t.Run(name, func(t *testing.T) {
			text, spans, err := g.template(t, dir, name).RenderSpans(turns)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range spans {
				got = append(got, text[s.Start:s.End])
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q of %q, want %q", got, text, want)
			}
		})
	}
}

// A system prompt that goes with the last question has no place of its own.
func TestRenderSpansOfMovingSystem(t *testing.T) {
	_, _, err := readGolden(t, "testdata").template(t, "testdata", "mistral.jinja").RenderSpans(conversation("suaua", "S", "A?", "B", "C?", "D"))
	if want := "find the answer in message 3: mistral.jinja writes what comes before otherwise when an answer follows"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What stands in no generation block is found by what comes before and after it.
func TestRenderSpansWithoutBlocks(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"thoughts of the last alone": {"{% for m in messages %}{% if m.role == 'assistant' %}A:{% if loop.last %}<think></think>{% endif %}{{ m.content }}.{% else %}U:{{ m.content }}.{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}", "B.|<think></think>D."},
		"answers left out":           {"{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}", "find the answer in message 2: t leaves the answer out"},
		"a system turn at the end":   {"{% for m in messages %}{{ 'S' if loop.last and m.role == 'user' }}{{ m.content }}{% endfor %}", "find the answer in message 2: t writes what comes before otherwise when an answer follows"},
		"answers that change":        {"{% for m in messages %}{{ m.content | upper if loop.last else m.content | replace('B', 'X') }}{% endfor %}", "find the answer in message 2: t writes the answer otherwise when more follows"},
		"a prompt of its own":        {"{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}", "find the answer in message 2: t writes what comes before otherwise when an answer follows"},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := chat.Parse("t", c.template, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, spans, err := template.RenderSpans(conversation("uaua", "A?", "B", "C?", "D"))
			var parts []string
			for _, s := range spans {
				parts = append(parts, text[s.Start:s.End])
			}
			got := strings.Join(parts, "|")
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

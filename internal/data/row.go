package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// form is what a row says, in the words of messages.
type form string

const (
	formText   form = "text"
	formAnswer form = "prompt and completion"
	formChat   form = "messages"
)

// row is one document before it is encoded.
type row struct {
	form               form
	text               string // without outer white space
	prompt, completion string
	messages           []chat.Message
}

// roles are those that a message may have; a chat template may refuse some more.
var roles = []string{"system", "user", "assistant", "tool"}

// formOf tells a row's form by the keys that it has a value for.
func formOf(has func(key string) bool, keys []string) (form, error) {
	const want = "want text, prompt and completion, or messages"
	var found []form
	if has("text") {
		found = append(found, formText)
	}
	if has("prompt") && has("completion") {
		found = append(found, formAnswer)
	}
	if has("messages") {
		found = append(found, formChat)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("has both %s and %s, want one of them", found[0], found[1])
	case has("prompt"):
		return "", errors.New("has prompt and no completion, want both")
	case has("completion"):
		return "", errors.New("has completion and no prompt, want both")
	case len(keys) == 0:
		return "", fmt.Errorf("has no keys, %s", want)
	case slices.ContainsFunc(keys, func(k string) bool { return k == "text" || k == "messages" || k == "prompt" }):
		return "", fmt.Errorf("has null, %s", want)
	default:
		return "", fmt.Errorf("has %s, %s", strings.Join(keys[:min(len(keys), 8)], ", "), want)
	}
}

// check finds what no encoding could make sense of, and strips a text.
func (r *row) check() error {
	r.text = strings.TrimSpace(r.text)
	switch {
	case r.form == formAnswer && r.completion == "":
		return errors.New("completion is empty, want text")
	case r.form == formChat && len(r.messages) == 0:
		return errors.New("messages is empty, want at least one")
	}
	for i, m := range r.messages {
		if !slices.Contains(roles, m.Role) {
			return fmt.Errorf("messages[%d]: role is %q, want one of %s", i, m.Role, strings.Join(roles, ", "))
		}
	}
	return nil
}

// blank tells a text of nothing, which is passed over.
func (r *row) blank() bool { return r.form == formText && r.text == "" }

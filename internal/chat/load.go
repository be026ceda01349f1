package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

const (
	templateFile = "chat_template.jinja"
	configFile   = "tokenizer_config.json"
)

// MissingError reports a folder without a chat template.
type MissingError struct {
	Dir   string
	Named []string // templates that there are, none of them the default
}

func (e *MissingError) Error() string {
	if len(e.Named) > 0 {
		return fmt.Sprintf("read %s: chat_template has %s, want default", filepath.Join(e.Dir, configFile), strings.Join(e.Named, ", "))
	}
	return fmt.Sprintf("%s has no chat template: no %s, no chat_template in %s", e.Dir, templateFile, configFile)
}

// Hint says what to do without one.
func (e *MissingError) Hint() string {
	return "a base model has none: give it plain text; an instruct model's " + templateFile + " is in its repository"
}

// Load reads the chat template of a model's folder: chat_template.jinja, or else
// chat_template in tokenizer_config.json, of several the one named default. The error
// is a [*MissingError] where there is none.
func Load(dir string) (*Template, error) {
	special, err := tokenizer.SpecialTokens(dir)
	if err != nil {
		return nil, err
	}
	own := filepath.Join(dir, templateFile)
	switch source, err := os.ReadFile(own); {
	case err == nil:
		return Parse(own, string(source), special)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	source, err := configTemplate(dir)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Join(dir, configFile)+": chat_template", source, special)
}

// configTemplate reads chat_template of tokenizer_config.json: a text, or a list of
// named ones.
func configTemplate(dir string) (string, error) {
	path := filepath.Join(dir, configFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &MissingError{Dir: dir}
	}
	if err != nil {
		return "", err
	}
	var config struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	raw := config.Template
	if raw == nil || string(raw) == "null" {
		return "", &MissingError{Dir: dir}
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one, nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &several); err != nil {
		return "", fmt.Errorf("read %s: chat_template: want a string or a list of name and template", path)
	}
	byName := map[string]string{}
	for _, t := range several {
		byName[t.Name] = t.Template
	}
	if source, ok := byName["default"]; ok {
		return source, nil
	}
	return "", &MissingError{Dir: dir, Named: slices.Sorted(maps.Keys(byName))}
}

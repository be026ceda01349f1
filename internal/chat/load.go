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
)

const (
	templateFile = "chat_template.jinja"
	configFile   = "tokenizer_config.json"
)

// specialTokens are the names under which templates find special tokens.
var specialTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

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
	path := filepath.Join(dir, configFile)
	config := map[string]json.RawMessage{}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if err := json.Unmarshal(raw, &config); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	special := map[string]string{}
	for _, name := range specialTokens {
		if s, ok, err := tokenText(config[name]); err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", path, name, err)
		} else if ok {
			special[name] = s
		}
	}
	own := filepath.Join(dir, templateFile)
	switch source, err := os.ReadFile(own); {
	case err == nil:
		return Parse(own, string(source), special)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	source, err := configTemplate(dir, config["chat_template"])
	if err != nil {
		return nil, err
	}
	return Parse(path+": chat_template", source, special)
}

// tokenText reads a special token: a text, or an object that has it as content.
func tokenText(raw json.RawMessage) (string, bool, error) {
	var s *string
	if raw == nil || json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return "", false, nil
		}
		return *s, true, nil
	}
	var token struct{ Content *string }
	if err := json.Unmarshal(raw, &token); err != nil || token.Content == nil {
		return "", false, errors.New("want a string or an object with content")
	}
	return *token.Content, true, nil
}

// configTemplate reads chat_template of tokenizer_config.json: a text, or a list of
// named ones.
func configTemplate(dir string, raw json.RawMessage) (string, error) {
	if raw == nil || string(raw) == "null" {
		return "", &MissingError{Dir: dir}
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one, nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &several); err != nil {
		return "", fmt.Errorf("read %s: chat_template: want a string or a list of name and template", filepath.Join(dir, configFile))
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

package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// specialNames are the keys of tokenizer_config.json that name a special token.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// SpecialTokens reads which special tokens tokenizer_config.json of a folder names:
// their texts, by keys such as "eos_token". A folder without the file names none.
func SpecialTokens(dir string) (map[string]string, error) {
	path := filepath.Join(dir, configName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	texts := map[string]string{}
	for _, name := range specialNames {
		text, ok, err := specialText(config[name])
		if err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", path, name, err)
		}
		if ok {
			texts[name] = text
		}
	}
	return texts, nil
}

// specialText reads a token: a text, or an object that has it as content. Null is none.
func specialText(raw json.RawMessage) (text string, ok bool, err error) {
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

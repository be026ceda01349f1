package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The two files that GPT-2 came with. They say nothing of how text is cut.
const (
	vocabFileName  = "vocab.json"
	mergesFileName = "merges.txt"
)

// textEnd is the special token that all classes below have by default.
const textEnd = "<|endoftext|>"

// mergesClasses is what a tokenizer class of transformers does around its vocabulary,
// as the parts of a tokenizer.json; %t is add_prefix_space.
var mergesClasses = map[string]struct{ normalizer, preTokenizer string }{
	"CodeGenTokenizer": {"null", byteLevelJSON},
	"GPT2Tokenizer":    {"null", byteLevelJSON},
	"GPTNeoXTokenizer": {`{"type": "NFC"}`, byteLevelJSON},
	"Qwen2Tokenizer": {`{"type": "NFC"}`, `{"type": "Sequence", "pretokenizers": [
		{"type": "Split", "pattern": {"Regex": ` + quoted(patternQwen2) + `}, "behavior": "Isolated", "invert": false},
		{"type": "ByteLevel", "add_prefix_space": %t, "trim_offsets": true, "use_regex": false}]}`},
}

const byteLevelJSON = `{"type": "ByteLevel", "add_prefix_space": %t, "trim_offsets": true, "use_regex": true}`

// loadMerges reads vocab.json and merges.txt under the class that
// tokenizer_config.json names. It returns nil, nil where the files are not there.
func loadMerges(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, vocabFileName)
	vocab, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	merges, err := os.ReadFile(filepath.Join(dir, mergesFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	class, ok := mergesClasses[strings.TrimSuffix(c.class, "Fast")]
	if !ok {
		return nil, fmt.Errorf("%s: tokenizer_class: %q is not supported with %s and %s; supported: %s",
			filepath.Join(dir, configName), c.class, vocabFileName, mergesFileName, strings.Join(sortedKeys(mergesClasses), ", "))
	}
	if !json.Valid(vocab) {
		return nil, fmt.Errorf("%s: not valid JSON", path)
	}
	list, err := json.Marshal(mergeLines(string(merges)))
	if err != nil {
		return nil, err
	}
	prefix := c.addPrefixSpace != nil && *c.addPrefixSpace
	doc := fmt.Sprintf(`{"normalizer": %s, "pre_tokenizer": %s, "decoder": %s, "model": {"type": "BPE", "vocab": %s, "merges": %s}}`,
		class.normalizer, fmt.Sprintf(class.preTokenizer, prefix), fmt.Sprintf(byteLevelJSON, prefix), vocab, list)
	t, err := Parse(path+" with "+mergesFileName, []byte(doc))
	if err != nil {
		return nil, err
	}
	// Known by name, whatever the list of added tokens has.
	for _, name := range []string{textEnd, c.bos, c.eos} {
		if id, ok := t.ID(name); ok && name != "" {
			t.enter(id, name, addedToken{id: id}, true)
		}
	}
	if err := c.apply(t, textEnd, textEnd); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// mergeLines returns the merges of a merges.txt without its head and empty lines.
func mergeLines(text string) []string {
	lines := []string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			lines = append(lines, line)
		}
	}
	return lines
}

// quoted is a text as JSON has it, for the table above.
func quoted(text string) string {
	return `"` + strings.ReplaceAll(text, `\`, `\\`) + `"`
}

package tokenizer

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// trainedFile writes a learned vocabulary as tokenizer.json, with every key that
// tokenizers writes itself.
func trainedFile(vocab []string, merges [][2]string, opts TrainOptions) ([]byte, error) {
	lines := make([]string, len(merges))
	for i, m := range merges {
		lines[i] = m[0] + " " + m[1]
	}
	added := make([]jsonMap, len(opts.Special))
	for id, content := range opts.Special {
		added[id] = jsonMap{
			{"id", id},
			{"content", content},
			{"single_word", false},
			{"lstrip", false},
			{"rstrip", false},
			{"normalized", false},
			{"special", true},
		}
	}
	byteLevel := jsonMap{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}
	split := jsonMap{
		{"type", "Split"},
		{"pattern", jsonMap{{"Regex", patternCode}}},
		{"behavior", "Isolated"},
		{"invert", false},
	}
	byID := make(jsonMap, len(vocab))
	for id, text := range vocab {
		byID[id] = jsonField{text, id}
	}
	return marshal(jsonMap{
		{"version", "1.0"},
		{"truncation", nil},
		{"padding", nil},
		{"added_tokens", added},
		{"normalizer", nil},
		{"pre_tokenizer", jsonMap{{"type", "Sequence"}, {"pretokenizers", []jsonMap{split, byteLevel}}}},
		{"post_processor", trainedTemplate(byteLevel, opts)},
		{"decoder", byteLevel},
		{"model", jsonMap{
			{"type", "BPE"},
			{"dropout", nil},
			{"unk_token", nil},
			{"continuing_subword_prefix", nil},
			{"end_of_word_suffix", nil},
			{"fuse_unk", false},
			{"byte_fallback", false},
			{"ignore_merges", false},
			{"vocab", byID},
			{"merges", lines},
		}},
	})
}

// trainedTemplate puts BOS before every text, where there is one.
func trainedTemplate(byteLevel jsonMap, opts TrainOptions) jsonMap {
	if opts.BOS == "" {
		return byteLevel
	}
	id := 0
	for i, s := range opts.Special {
		if s == opts.BOS {
			id = i
		}
	}
	bos := func(kind int) jsonMap {
		return jsonMap{{"SpecialToken", jsonMap{{"id", opts.BOS}, {"type_id", kind}}}}
	}
	text := func(name string, kind int) jsonMap {
		return jsonMap{{"Sequence", jsonMap{{"id", name}, {"type_id", kind}}}}
	}
	return jsonMap{
		{"type", "TemplateProcessing"},
		{"single", []jsonMap{bos(0), text("A", 0)}},
		{"pair", []jsonMap{bos(0), text("A", 0), bos(1), text("B", 1)}},
		{"special_tokens", jsonMap{{opts.BOS, jsonMap{
			{"id", opts.BOS},
			{"ids", []int{id}},
			{"tokens", []string{opts.BOS}},
		}}}},
	}
}

// jsonMap is a JSON object that keeps the order of its keys.
type jsonMap []jsonField

type jsonField struct {
	key   string
	value any
}

// MarshalJSON writes the fields in order.
func (m jsonMap) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := marshalLine(f.key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		if n, ok := f.value.(int); ok { // the vocabulary: thousands of them
			b.WriteString(strconv.Itoa(n))
			continue
		}
		value, err := marshalLine(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshalLine is json.Marshal that leaves < > & as they are.
func marshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func marshal(v any) ([]byte, error) {
	line, err := marshalLine(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

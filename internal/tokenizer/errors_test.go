package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is the least byte-level file: what Train gives for no merges.
func small(tb testing.TB) map[string]any {
	tb.Helper()
	data, err := Train(func(func(string) bool) {}, TrainOptions{VocabSize: 257, Special: []string{"<|end|>"}, BOS: "<|end|>"})
	if err != nil {
		tb.Fatal(err)
	}
	var base map[string]any
	if err := json.Unmarshal(data, &base); err != nil {
		tb.Fatal(err)
	}
	return base
}

// TestRefused is everything that a file may ask for and does not get.
func TestRefused(t *testing.T) {
	split := func(pattern, behavior string) map[string]any {
		return map[string]any{"type": "Split", "pattern": map[string]any{"Regex": pattern}, "behavior": behavior, "invert": false}
	}
	added := func(id int, content string) []any {
		return []any{map[string]any{
			"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		}}
	}
	steps := func(kinds ...string) map[string]any {
		all := make([]any, len(kinds))
		for i, kind := range kinds {
			all[i] = map[string]any{"type": kind}
		}
		return map[string]any{"type": "Sequence", "decoders": all}
	}
	type object = map[string]any
	for _, tc := range []struct {
		path  string
		value any
		want  string
	}{
		{"version", "2.0", `version: "2.0" is not supported; supported: "1.0"`},
		{"extra", 1, "extra: unknown key; known: version, truncation,"},
		{"model", nil, "model: missing, want an object"},
		{"model.type", "WordPiece", `model.type: "WordPiece" is not supported; supported: "BPE", "Unigram"`},
		{"model.type", "Unigram", "model.type: Unigram with a ByteLevel pre-tokenizer is not supported; supported: BPE"},
		{"model.dropout", 0.1, "model.dropout: 0.1 is not supported; supported: null, 0"},
		{"model.dropout", "much", `model.dropout: want a number, got "much"`},
		{"model.continuing_subword_prefix", "##", `model.continuing_subword_prefix: "##" is not supported; supported: null, ""`},
		{"model.end_of_word_suffix", "@@", `model.end_of_word_suffix: "@@" is not supported`},
		{"model.cache", 1, "model.cache: unknown key; known: type, dropout,"},
		{"model.vocab", nil, "model.vocab: missing, want an object of ids by token"},
		{"model.vocab.x", -1, `model.vocab: id of "x": got -1, want 0 to 1048575`},
		{"model.vocab.xy", 5, `model.vocab: id 5: "%" and "xy" have it both`},
		{"model.vocab.x", "y", "model.vocab: want an object of ids by token, got {"},
		{"model.merges", []string{"a b"}, `model.merges[0]: "a", "b" and "ab" must all be in the vocabulary`},
		{"model.merges", []string{"ab"}, `model.merges[0]: got "ab", want two tokens with one space between them`},
		{"model.merges", [][]string{{"a"}}, `model.merges[0]: got ["a"], want "a b" or ["a", "b"]`},
		{"model.merges", []int{1}, `model.merges[0]: want "a b" or ["a", "b"], got 1`},
		{"normalizer", object{"type": "BertNormalizer"}, `normalizer.type: "BertNormalizer" is not supported; supported: Lowercase, NFC, NFD, NFKC, NFKD, Precompiled, Prepend, Replace, Strip, StripAccents, Sequence`},
		{"normalizer", object{"type": "NFC", "form": 1}, "normalizer.form: unknown key; known: type"},
		{"normalizer", object{"type": "Replace", "pattern": object{"Regex": "\\b"}, "content": ""}, `normalizer.pattern.Regex: "\\b" is not supported: \b`},
		{"normalizer", object{"type": "Precompiled", "precompiled_charsmap": "?"}, "normalizer.precompiled_charsmap: want base64: "},
		{"normalizer", object{"type": "Precompiled", "precompiled_charsmap": "AQAAAA=="}, "normalizer.precompiled_charsmap: read character map: got a trie of 1 bytes, want a multiple of 4 up to 0"},
		{"normalizer", object{"type": "Replace", "pattern": object{"String": ""}, "content": ""}, "normalizer.pattern.String: want a text that is not empty"},
		{"normalizer", 5, "normalizer: want an object, got 5"},
		{"normalizer", object{}, "normalizer.type: missing, want a string"},
		{"pre_tokenizer", object{"type": "BertPreTokenizer"}, `pre_tokenizer.type: "BertPreTokenizer" is not supported; supported: CharDelimiterSplit, Digits, Metaspace, Punctuation, Split, Whitespace, WhitespaceSplit, ByteLevel, Sequence`},
		{"pre_tokenizer", object{"type": "Metaspace", "replacement": "__"}, `pre_tokenizer.replacement: got "__", want one character`},
		{"pre_tokenizer", object{"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}, `pre_tokenizer.prepend_scheme: "last" is not supported; supported: "always", "first", "never"`},
		{"pre_tokenizer", object{"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false}, `pre_tokenizer.add_prefix_space: false contradicts prepend_scheme "first"`},
		{"pre_tokenizer", object{"type": "CharDelimiterSplit", "delimiter": ""}, `pre_tokenizer.delimiter: got "", want one character`},
		{"pre_tokenizer", object{"type": "ByteLevel"}, "pre_tokenizer.add_prefix_space: missing, want true or false"},
		{"pre_tokenizer", object{"type": "Sequence", "pretokenizers": []any{object{"type": "ByteLevel", "add_prefix_space": false}, object{"type": "Digits"}}}, "pre_tokenizer.pretokenizers[1]: nothing may come after ByteLevel"},
		{"pre_tokenizer", split(`a`, "Kept"), `pre_tokenizer.behavior: "Kept" is not supported; supported: Contiguous, Isolated, MergedWithNext, MergedWithPrevious, Removed`},
		{"pre_tokenizer", split(`\w+`, "Isolated"), `pre_tokenizer.pattern.Regex: "\\w+" is not supported: \w`},
		{"pre_tokenizer", split(`a++`, "Isolated"), `pre_tokenizer.pattern.Regex: "a++" is not supported: "++"`},
		{"pre_tokenizer", split(`[a&&b]`, "Isolated"), "is not supported: && within a character class"},
		{"pre_tokenizer", split(`^a`, "Isolated"), "is not supported: '^'"},
		{"pre_tokenizer", split(`(?i)a`, "Isolated"), `is not supported: a group that opens with "(?i)"`},
		{"pre_tokenizer", split(`(?i:a+)`, "Isolated"), "is not supported: (?i: with '+'"},
		{"post_processor", object{"type": "BertProcessing"}, `post_processor.type: "BertProcessing" is not supported; supported: ByteLevel, Sequence, TemplateProcessing`},
		{"post_processor.single", []any{}, "post_processor.single: want the text itself (Sequence A) in the template"},
		{"post_processor.special_tokens", object{}, "post_processor.special_tokens.<|end|>: missing, want an object"},
		{"post_processor.special_tokens", object{"<|end|>": object{"id": "", "ids": []int{999}, "tokens": []string{}}}, "post_processor.special_tokens.<|end|>.ids[0]: got 999, want the id of a token"},
		{"decoder", object{"type": "WordPiece"}, `decoder.type: "WordPiece" is not supported; supported: ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip`},
		{"decoder", steps("Fuse", "ByteFallback"), "decoder.decoders[1]: ByteFallback is not supported at this place"},
		{"decoder", steps("CTC"), `decoder.decoders[0].type: "CTC" is not supported; supported: ByteFallback, ByteLevel, Fuse, Metaspace,`},
		{"decoder", object{"type": "Sequence", "decoders": []any{object{"type": "Fuse"}, object{"type": "Strip", "content": " ", "start": 0, "stop": 1}}}, "decoder.decoders[1].stop: 1 is not supported; supported: 0"},
		{"added_tokens", added(300, "<x>"), `added_tokens[0].id: got 300 for "<x>", want 257: vocabulary and added tokens are numbered without gaps`},
		{"added_tokens", added(3, "!"), `added_tokens[0].id: got 3 for "!", want 1`},
		{"added_tokens", append(added(257, "<x>"), added(258, "<x>")...), `added_tokens[1].content: "<x>" stands in the list twice`},
		{"added_tokens", []any{object{"id": 257, "content": "<x>", "colour": 1}}, "added_tokens[0].colour: unknown key"},
	} {
		_, err := Parse("tokenizer.json", patched(t, small(t), map[string]any{tc.path: tc.value}))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s = %v:\n got %v\nwant %s", tc.path, tc.value, err, tc.want)
		}
	}
}

// TestUnknownToken: an unk_token that is no token is refused where it could be needed.
func TestUnknownToken(t *testing.T) {
	if _, err := Parse("f", patched(t, small(t), map[string]any{"model.unk_token": "<unk>"})); err != nil {
		t.Errorf("every byte has a token: %v", err)
	}
	_, err := Parse("f", []byte(`{"model": {"type": "BPE", "unk_token": "<unk>", "vocab": {"a": 0}, "merges": []}}`))
	if want := `f: model.unk_token: "<unk>" is not in the vocabulary`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestUnigramRefused is TestRefused for the other model.
func TestUnigramRefused(t *testing.T) {
	for model, want := range map[string]string{
		`{"type": "Unigram", "unk_id": 0}`:                                  "f: model.vocab: missing, want a list of [token, score]",
		`{"type": "Unigram", "unk_id": 0, "vocab": [["a", 0], ["b"]]}`:      `f: model.vocab[1]: want [token, score], got ["b"]`,
		`{"type": "Unigram", "unk_id": 0, "vocab": [["a", "x"]]}`:           `f: model.vocab[0]: want [token, score], got ["a","x"]`,
		`{"type": "Unigram", "unk_id": 0, "vocab": [["a", 0, 1]]}`:          `f: model.vocab[0]: want [token, score], got ["a",0,1]`,
		`{"type": "Unigram", "unk_id": 1, "vocab": [["a", 0]]}`:             "f: model.unk_id: got 1, want the id of one of 1 tokens",
		`{"type": "Unigram", "unk_id": null, "vocab": [["a", 0]]}`:          "f: model.unk_id: missing, want a whole number",
		`{"type": "Unigram", "unk_id": 0, "vocab": [["a", 0]], "alpha": 1}`: "f: model.alpha: unknown key; known: type, unk_id, vocab, byte_fallback",
	} {
		if _, err := Parse("f", []byte(`{"model": `+model+`}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", model, err, want)
		}
	}
}

// TestTruncationIgnored: both sections are about batches; neither changes ids.
func TestTruncationIgnored(t *testing.T) {
	type object = map[string]any
	tok, err := Parse("f", patched(t, small(t), object{"truncation": object{"max_length": 2}, "padding": object{"strategy": object{"Fixed": 9}}}))
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.EncodePlain("abcd"); len(got) != 4 {
		t.Errorf("got %d ids, want 4", len(got))
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("f", patched(t, small(t), map[string]any{
		"version": "3", "model.dropout": 0.5, "decoder": map[string]any{"type": "CTC"},
	}))
	want := `f: version: "3" is not supported; supported: "1.0"
f: model.dropout: 0.5 is not supported; supported: null, 0
f: decoder.type: "CTC" is not supported; supported: ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip`
	if err == nil || err.Error() != want {
		t.Errorf("problems: %s", cmp.Diff(want, err.Error()))
	}
	merges := make([]string, 50)
	_, err = Parse("f", patched(t, small(t), map[string]any{"model.merges": merges}))
	if err == nil || !strings.HasSuffix(err.Error(), "f: and 30 more problems") {
		t.Errorf("many problems: got %v", err)
	}
	for _, bad := range []string{"", "{", "[]", "null", "1", `{"model": 1}`} {
		if tok, err := Parse("f", []byte(bad)); err == nil || tok != nil || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("parse %q: got %v", bad, err)
		}
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || !strings.Contains(missing.Hint(), "copy tokenizer.json") {
		t.Fatalf("empty folder: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tekken.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	if missing, ok = errors.AsType[*MissingError](err); !ok || !strings.Contains(missing.Hint(), "tekken.json only") {
		t.Fatalf("folder with tekken.json: got %v", err)
	}
	if want := "read " + filepath.Join(dir, "tokenizer.json") + ": no such file"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

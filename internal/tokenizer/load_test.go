package tokenizer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes files into a new folder.
func folderOf(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// TestMergesFiles: vocab.json and merges.txt are the tokenizer.json of their class.
func TestMergesFiles(t *testing.T) {
	texts := readGzip[[]string](t, "texts.json.gz")
	model := maps.Clone(readGzip[familyBases](t, "bases.json.gz").Models["bytes"])
	vocab := maps.Clone(model["vocab"].(map[string]any))
	vocab[textEnd] = len(vocab)
	model["vocab"] = vocab
	vocabFile, err := json.Marshal(vocab)
	if err != nil {
		t.Fatal(err)
	}
	var merges strings.Builder
	merges.WriteString("#version: 0.2\n")
	for _, m := range model["merges"].([]any) {
		pair := m.([]any)
		merges.WriteString(pair[0].(string) + " " + pair[1].(string) + "\r\n")
	}
	added := []map[string]any{
		{"id": len(vocab) - 1, "content": textEnd, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
		{"id": len(vocab), "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": true, "normalized": false, "special": true},
	}
	byteLevel := func(prefix, expression bool) map[string]any {
		return map[string]any{"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": expression}
	}
	qwen := map[string]any{"type": "Sequence", "pretokenizers": []any{
		map[string]any{"type": "Split", "pattern": map[string]any{"Regex": patternQwen2}, "behavior": "Isolated", "invert": false}, byteLevel(false, false),
	}}
	nfc := map[string]any{"type": "NFC"}
	for _, tc := range []struct {
		config string
		json   map[string]any
		prefix []int
	}{
		{`{"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": true}`, map[string]any{"pre_tokenizer": byteLevel(true, true)}, nil},
		{`{"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": true}`, map[string]any{"pre_tokenizer": byteLevel(false, true), "normalizer": nfc}, []int{len(vocab) - 1}},
		{`{"tokenizer_class": "Qwen2Tokenizer"}`, map[string]any{"pre_tokenizer": qwen, "normalizer": nfc}, nil},
	} {
		config := strings.TrimSuffix(tc.config, "}") + `, "added_tokens_decoder": {"` + jsonNumber(len(vocab)) + `": {"content": "<|im_end|>", "rstrip": true, "special": true}}}`
		got, err := Load(folderOf(t, map[string]string{vocabFileName: string(vocabFile), mergesFileName: merges.String(), configName: config}))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(tc.json, map[string]any{"model": model, "added_tokens": added, "decoder": byteLevel(false, true)})
		data, err := json.Marshal(tc.json)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Parse("tokenizer.json", data)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			ids := want.Encode(text)
			same(t, text, got.Encode(text), append(tc.prefix, ids...))
			if a, b := got.Decode(ids, true), want.Decode(ids, true); a != b {
				t.Errorf("decode %q: got %q, want %q", text, a, b)
			}
		}
	}
}

func jsonNumber(n int) string {
	data, _ := json.Marshal(n) //nolint:errchkjson // an int always has a form
	return string(data)
}

// TestPieceConfig: what the files beside a tokenizer.model decide.
func TestPieceConfig(t *testing.T) {
	model := string(readGzip[familyBases](t, "bases.json.gz").Pieces["llama"])
	for _, tc := range []struct {
		files map[string]string
		want  string // of "a</s>a", decoded with special tokens
	}{
		{nil, "a</s>a"},
		{map[string]string{configName: `{"tokenizer_class": "LlamaTokenizerFast"}`}, "<s> a</s>a"},
		{map[string]string{configName: `{"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true}`}, "a</s>a</s>"},
		{map[string]string{configName: `{"tokenizer_class": "PreTrainedTokenizer", "legacy": true}`}, "a</s> a"},
		{map[string]string{configName: `{"add_bos_token": true, "add_prefix_space": false}`}, "<s>a</s>a"},
		{map[string]string{configName: `{"add_bos_token": true, "bos_token": {"content": "</s>"}}`}, "</s> a</s>a"},
	} {
		files := map[string]string{pieceFileName: model}
		maps.Copy(files, tc.files)
		tok, err := Load(folderOf(t, files))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Decode(tok.Encode("a</s>a"), false); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.files, got, tc.want)
		}
	}
	tok, err := Load(folderOf(t, map[string]string{pieceFileName: model, "added_tokens.json": `{"a</s>": 5000}`}))
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("a</s>"); len(got) != 1 || got[0] != 5000 {
		t.Errorf("added token: got %v, want 5000", got)
	}
}

// TestLoadRefused: what is wrong with files other than tokenizer.json.
func TestLoadRefused(t *testing.T) {
	pieces := readGzip[familyBases](t, "bases.json.gz").Pieces
	llama := string(pieces["llama"])
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"tiktoken", map[string]string{pieceFileName: "IQ== 0\nIg== 1\n"}, "tokenizer.model: this is a tiktoken vocabulary"},
		{"cut short", map[string]string{pieceFileName: llama[:1000]}, "tokenizer.model: not a SentencePiece model: field 1: unexpected EOF"},
		{"no model", map[string]string{pieceFileName: "hello"}, "tokenizer.model: not a SentencePiece model: "},
		{"empty", map[string]string{pieceFileName: ""}, "tokenizer.model: no pieces"},
		{"bos", map[string]string{pieceFileName: llama, configName: `{"add_bos_token": true, "bos_token": {"content": "<x>"}}`}, `tokenizer_config.json: bos_token: "<x>" is not in the vocabulary`},
		{"added id", map[string]string{pieceFileName: llama, configName: `{"added_tokens_decoder": {"5": {"content": "<x>"}}}`}, `added token "<x>": got id 5, which "<0x02>" has`},
		{"added twice", map[string]string{pieceFileName: llama, "added_tokens.json": `{"<s>": 2000}`}, `added token "<s>": got id 2000, and the vocabulary has it at 1`},
		{"config", map[string]string{pieceFileName: llama, configName: `{"legacy": 5, "added_tokens_decoder": {"x": {}}}`}, `tokenizer_config.json: legacy: want true or false, got 5`},
		{"config id", map[string]string{pieceFileName: llama, configName: `{"added_tokens_decoder": {"x": {}}}`}, `tokenizer_config.json: added_tokens_decoder.x: got id "x", want 0 to 1048575`},
		{"no class", map[string]string{vocabFileName: "{}", mergesFileName: ""}, `tokenizer_config.json: tokenizer_class: "" is not supported with vocab.json and merges.txt; supported: CodeGenTokenizer, GPT2Tokenizer,`},
		{"vocab", map[string]string{vocabFileName: "{", mergesFileName: "", configName: `{"tokenizer_class": "GPT2Tokenizer"}`}, "vocab.json: not valid JSON"},
		{"merges", map[string]string{vocabFileName: `{"a": 0}`, mergesFileName: "a b", configName: `{"tokenizer_class": "GPT2Tokenizer"}`}, `vocab.json with merges.txt: model.merges[0]: "a", "b" and "ab" must all be in the vocabulary`},
	} {
		if tok, err := Load(folderOf(t, tc.files)); err == nil || tok != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
	}
}

// FuzzPieces: no bytes make the reader of SentencePiece models panic, nor the
// tokenizer of one that it takes.
func FuzzPieces(f *testing.F) {
	// A short model of each kind: unknown, control, user-defined, byte and normal pieces.
	for _, kind := range []string{"\x01", "\x02"} {
		f.Add([]byte("\n\x09\n\x05<unk>\x18\x02\n\x07\n\x03<s>\x18\x03\n\x08\n\x01a\x15\x00\x00\x80\xbf\n\x0a\n\x03\xe2\x96\x81\x15\x00\x00\x00\xc0\n\x09\n\x02ab\x15\x00\x00\x80\xbf\n\x06\n\x02xy\x18\x04\x12\x02\x18" + kind + "\x1a\x04\x18\x01\x20\x01"))
	}
	f.Add([]byte("IQ== 0\nIg== 1\n"))
	f.Add([]byte("\n\x09\n\x05<unk>\x18\x02\x1a\x0a\x12\x08\x04\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parsePieceModel(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of the two", m, err)
		}
		if err != nil {
			return
		}
		tok, err := tokenizerOfPieces(m, &config{})
		if err != nil {
			return
		}
		for _, text := range []string{" ab  xy's é\xff\n", "a", "", "  "} {
			ids := tok.Encode(text)
			tok.Decode(ids, true)
			streamed(t, tok, ids)
			for _, id := range ids {
				if _, ok := tok.Token(id); !ok {
					t.Errorf("%q: id %d is no token", text, id)
				}
			}
		}
	})
}

// FuzzCharsmap: any table that is taken can be used.
func FuzzCharsmap(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x00\x00\x00\x00a\x00"), "abc")
	f.Add([]byte("\x04\x00\x00\x00\xff\xff\xff\xff"), "e\u0301\r\n")
	m, err := parsePieceModel(readGzip[familyBases](f, "bases.json.gz").Pieces["t5"])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.charsmap, "ﬁ e\u0301\r\n１👍🏽น้ำ")
	f.Fuzz(func(_ *testing.T, data []byte, text string) {
		m, err := parseCharsmap(data)
		if err != nil {
			return
		}
		m.replaceClusters(text)
		for i := range text {
			m.find(text[i:], true)
		}
	})
}

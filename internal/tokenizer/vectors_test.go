package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// load reads a tokenizer of the shared data, or skips.
func load(tb testing.TB, elem ...string) *Tokenizer {
	tb.Helper()
	tok, err := Load(testdata.Shared(tb, elem...))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func readJSON[T any](tb testing.TB, path string) (v T) {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return v
}

func same(tb testing.TB, what string, got, want []int) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// streamed decodes through a Stream and checks that no part ends within a rune.
func streamed(tb testing.TB, tok *Tokenizer, ids []int) string {
	tb.Helper()
	var out strings.Builder
	s := tok.Stream()
	for _, id := range ids {
		part := s.Next(id)
		if part != strings.ToValidUTF8(part, "") {
			tb.Errorf("stream of %v: part %q is not valid UTF-8", ids, part)
		}
		out.WriteString(part)
	}
	out.WriteString(s.Flush())
	return out.String()
}

func TestStories260K(t *testing.T) {
	type vector struct {
		Text string
		IDs  []int
	}
	dir := testdata.Shared(t, "stories260K-hf")
	tok := load(t, "stories260K-hf")
	vectors := readJSON[[]vector](t, filepath.Join(dir, "tokenizer_vectors.json"))
	if len(vectors) < 50 {
		t.Fatalf("got %d vectors, want at least 50", len(vectors))
	}
	for _, v := range vectors {
		same(t, v.Text, tok.Encode(v.Text), v.IDs)
		same(t, v.Text, tok.EncodePlain(v.Text), v.IDs[1:])
		if got := tok.Decode(v.IDs, true); got != v.Text {
			t.Errorf("decode %q: got %q", v.Text, got)
		}
		if got := streamed(t, tok, v.IDs); got != v.Text {
			t.Errorf("stream %q: got %q", v.Text, got)
		}
	}
	if bos, ok := tok.ID("<s>"); tok.Size() != 512 || !ok || bos != 1 || !tok.IsSpecial(1) || tok.IsSpecial(300) {
		t.Errorf("table: size %d, <s> is %d", tok.Size(), bos)
	}
}

// TestMultilingual compares with what transformers 4.57.1 gives for 83 texts.
func TestMultilingual(t *testing.T) {
	for _, tc := range []struct {
		dir, file string
		bos       []int // the vectors begin with it, the file at hand adds none
	}{
		{"gpt2", "gpt2_multilingual.json", nil},
		{"qwen2.5", "qwen2_5_multilingual.json", nil},
		{"phi-3-mini", "tinyllama_multilingual.json", []int{1}},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			type entry struct {
				ID       string
				InputIDs []int  `json:"input_ids"`
				With     string `json:"decoded_with_special"`
				Skip     string `json:"decoded_skip_special"`
			}
			tok := load(t, "tokenizers", tc.dir)
			dir := testdata.Shared(t, "tokenizers", "hf-conformance")
			texts := map[string]string{}
			for _, in := range readJSON[[]struct{ ID, Text string }](t, filepath.Join(dir, "inputs.json")) {
				texts[in.ID] = in.Text
			}
			entries := readJSON[struct{ Entries []entry }](t, filepath.Join(dir, tc.file)).Entries
			if len(entries) != 83 || len(texts) != 83 {
				t.Fatalf("got %d entries for %d texts, want 83", len(entries), len(texts))
			}
			for _, e := range entries {
				same(t, e.ID, append(slices.Clone(tc.bos), tok.Encode(texts[e.ID])...), e.InputIDs)
				if got := tok.Decode(e.InputIDs, false); got != e.With {
					t.Errorf("%s: decode: %s", e.ID, cmp.Diff(e.With, got))
				}
				if got := tok.Decode(e.InputIDs, true); got != e.Skip {
					t.Errorf("%s: decode without special tokens: %s", e.ID, cmp.Diff(e.Skip, got))
				}
				if got := streamed(t, tok, e.InputIDs); got != e.Skip {
					t.Errorf("%s: stream: %s", e.ID, cmp.Diff(e.Skip, got))
				}
			}
		})
	}
}

// TestArticle is one long text with GPT-2's and Llama 2's ids for it.
func TestArticle(t *testing.T) {
	for _, tc := range []struct {
		dir, file string
		skip      int
	}{
		{"gpt2", "gpt2_encoded_tokens.json", 0},
		{"phi-3-mini", "llama_encoded.json", 1},
	} {
		dir := testdata.Shared(t, "tokenizers", "hf-conformance")
		v := readJSON[struct {
			Text     string
			TokenIDs []int `json:"token_ids"`
		}](t, filepath.Join(dir, tc.file))
		tok := load(t, "tokenizers", tc.dir)
		same(t, tc.dir, tok.Encode(v.Text), v.TokenIDs[tc.skip:])
	}
}

// TestLlamaCpp runs the vectors of llama.cpp: texts apart, ids one line each.
func TestLlamaCpp(t *testing.T) {
	for _, tc := range []struct{ dir, vocab string }{
		{"gpt2", "gpt-2"},
		{"qwen2.5", "qwen2"},
		{"phi-3-mini", "phi-3"},
		{"phi-3-mini", "llama-spm"},
	} {
		t.Run(tc.vocab, func(t *testing.T) {
			tok := load(t, "tokenizers", tc.dir)
			base := filepath.Join(testdata.Shared(t, "tokenizers", "llama.cpp-vectors"), "ggml-vocab-"+tc.vocab+".gguf")
			in, err := os.ReadFile(base + ".inp")
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(base + ".out")
			if err != nil {
				t.Fatal(err)
			}
			texts := strings.Split(string(in), "\n__ggml_vocab_test__\n")
			lines := strings.Split(string(out), "\n")
			if len(texts) < 47 {
				t.Fatalf("got %d texts, want 47", len(texts))
			}
			for i, text := range texts[:47] {
				var want []int
				for field := range strings.FieldsSeq(lines[i]) {
					id, err := strconv.Atoi(field)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, id)
				}
				got := tok.EncodePlain(text)
				same(t, strconv.Quote(text), got, want)
				if back := tok.Decode(got, false); tc.vocab == "gpt-2" && back != text {
					t.Errorf("decode %q: got %q", text, back)
				}
			}
		})
	}
}

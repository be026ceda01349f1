package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// base returns the tokenizer of one of the base files of golden.json.
func base(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	g := readJSON[struct{ Bases map[string]json.RawMessage }](tb, "testdata/golden.json")
	tok, err := Parse(name, g.Bases[name])
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

// TestLinearTime: a megabyte without a space is one word.
func TestLinearTime(t *testing.T) {
	letters := []byte("etaoinshrdlu")
	text := make([]byte, 1<<20)
	for i, state := 0, uint32(1); i < len(text); i++ {
		state = state*1664525 + 1013904223
		text[i] = letters[state>>16%uint32(len(letters))]
	}
	for _, dir := range []string{"gpt2", "phi-3-mini"} {
		for _, word := range []string{string(text), strings.Repeat("a", 1<<20)} {
			tok := load(t, "tokenizers", dir)
			var took time.Duration
			for range 3 { // other work on the machine may slow one try down
				start := time.Now()
				ids := tok.EncodePlain(word)
				took = time.Since(start)
				if len(ids) == 0 || len(ids) >= len(word) {
					t.Fatalf("%s: got %d ids", dir, len(ids))
				}
				if took < 2*time.Second {
					break
				}
			}
			if took >= 2*time.Second {
				t.Errorf("%s: took %v for 1 MB, want under 2 s", dir, took)
			}
		}
	}
}

// TestJoinAgrees: the two ways to merge give the same.
func TestJoinAgrees(t *testing.T) {
	model := base(t, "bytes").model.(*bpe)
	parts := []string{"hello", "a", " the", "token", "he", "123 ", "aa", "world", " ", "ok", "日"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		word := ""
		for len(word) < 20 {
			word += parts[random.IntN(len(parts))]
		}
		short := model.join(model.symbols(nil, word))
		long := model.joinLong(model.symbols(nil, word))
		if !slices.Equal(short, long) {
			t.Fatalf("%q: got %v and %v", word, short, long)
		}
	}
}

func TestByteTable(t *testing.T) {
	seen := map[rune]bool{}
	for b := range 256 {
		r := byteRune(byte(b))
		back, ok := runeByte(r)
		if !ok || int(back) != b || seen[r] {
			t.Errorf("byte %#x: %q goes back to %#x, %v", b, r, back, ok)
		}
		seen[r] = true
		if got, ok := parseByteToken(byteToken(byte(b))); !ok || int(got) != b {
			t.Errorf("byte %#x: %s goes back to %#x, %v", b, byteToken(byte(b)), got, ok)
		}
	}
	if b, ok := runeByte('€'); ok {
		t.Errorf("€ is byte %#x", b)
	}
}

// TestInvalidUTF8: no panic, and the bytes are kept.
func TestInvalidUTF8(t *testing.T) {
	text := "a\xff\xc3 \xe4\xbd b\xf0\x9f\x99"
	for name, want := range map[string]string{
		"bytes": "a�� � b�",
		"marks": "a�� �� b���",
	} {
		tok := base(t, name)
		if got := tok.Decode(tok.Encode(text), true); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestStreamHolds(t *testing.T) {
	tok := base(t, "bytes")
	ids := tok.Encode("🙂!")
	s := tok.Stream()
	var parts []string
	for _, id := range ids {
		parts = append(parts, s.Next(id))
	}
	if want := []string{"", "", "", "🙂", "!"}; !slices.Equal(parts, want) {
		t.Errorf("got %q, want %q", parts, want)
	}
	s = tok.Stream()
	if got := s.Next(ids[0]) + s.Next(-1) + s.Next(1<<30) + s.Flush() + s.Flush(); got != "\uFFFD" {
		t.Errorf("cut short: got %q", got)
	}
}

func TestLookups(t *testing.T) {
	tok := base(t, "bytes")
	for id := range tok.Size() {
		text, ok := tok.Token(id)
		back, known := tok.ID(text)
		if !ok || !known || back != id {
			t.Errorf("id %d: %q is %d", id, text, back)
		}
	}
	if _, ok := tok.Token(tok.Size()); ok {
		t.Error("a token beyond the last one")
	}
	if _, ok := tok.Token(-1); ok {
		t.Error("a token before the first one")
	}
	if _, ok := tok.ID("no such token"); ok {
		t.Error("an id for no token")
	}
	if got := tok.Decode([]int{-1, 1 << 40}, false); got != "" {
		t.Errorf("ids without token: got %q", got)
	}
}

// TestConcurrent shares one cache among goroutines; the race detector looks on.
func TestConcurrent(t *testing.T) {
	tok := base(t, "bytes")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				text := fmt.Sprintf("hello world %d the token %d", i, g)
				if got := tok.Decode(tok.Encode(text), false); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	g := readJSON[struct {
		Bases map[string]json.RawMessage
		Cases []struct{ Set map[string]json.RawMessage }
	}](f, "testdata/golden.json")
	for _, base := range g.Bases {
		f.Add([]byte(base))
	}
	for _, tc := range g.Cases {
		part, err := json.Marshal(tc.Set)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(part)
	}
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}]}}`))
	f.Add([]byte(`{"version":"1.0","added_tokens":[],"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[^a]?b{1,3}|(?i:'s)"},"behavior":"Isolated","invert":false},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`))
	f.Add([]byte(`{"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["▁",-1],["a",-2],["ab",-2.5]]},"normalizer":{"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAABhAA=="}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},"decoder":{"type":"Metaspace","replacement":"▁"}}`))
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"a"},"normalizer":{"type":"StripAccents"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"Punctuation","behavior":"Removed"},{"type":"CharDelimiterSplit","delimiter":"b"}]},"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip","content":" ","start":1,"stop":0}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse("fuzzed", data)
		if (tok == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of the two", tok, err)
		}
		if err == nil {
			ids := tok.Encode(" ab's é\xff\n")
			tok.Decode(ids, true)
			streamed(t, tok, ids)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	plain := base(f, "bytes")
	trained, err := Train(goSource(f, "strings"), TrainOptions{VocabSize: 400})
	if err != nil {
		f.Fatal(err)
	}
	code, err := Parse("trained", trained)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "hello  world\n\t\tx", "it's 'll 123", "日本\xff語", "<|endoftext|>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range []*Tokenizer{plain, code} {
			ids := tok.EncodePlain(text)
			got := tok.Decode(ids, false)
			if want := valid([]byte(text)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if utf8.ValidString(text) && got != text {
				t.Errorf("got %q, want %q", got, text)
			}
		}
	})
}

package tokenizer

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// goSource yields Go files of one folder of the standard library.
func goSource(tb testing.TB, pkg string) iter.Seq[string] {
	tb.Helper()
	//nolint:staticcheck // the test runs with the toolchain that built it, whose GOROOT this is
	root := runtime.GOROOT()
	files, err := filepath.Glob(filepath.Join(root, "src", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		tb.Skipf("no Go source in %q", root)
	}
	var docs []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		docs = append(docs, string(data))
	}
	return slices.Values(docs)
}

func TestTrain(t *testing.T) {
	docs := goSource(t, "strings")
	opts := TrainOptions{VocabSize: 600, Special: []string{"<|endoftext|>", "<|pad|>"}, BOS: "<|endoftext|>"}
	file, err := Train(docs, opts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Train(docs, opts)
	if err != nil || !bytes.Equal(file, again) {
		t.Fatalf("the same docs give another file (%v)", err)
	}
	tok, err := Parse("trained", file)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Size() != 600 {
		t.Errorf("size: got %d, want 600", tok.Size())
	}
	if got := tok.Encode(""); !slices.Equal(got, []int{0}) {
		t.Errorf("empty text: got %v, want BOS", got)
	}
	if id, ok := tok.ID("<|pad|>"); id != 1 || !ok || !tok.IsSpecial(1) {
		t.Errorf("<|pad|>: got %d", id)
	}
	size, ids := 0, 0
	for doc := range docs {
		plain := tok.EncodePlain(doc)
		if got := tok.Decode(plain, false); got != doc {
			t.Fatal("decode does not give the file back")
		}
		if got := streamed(t, tok, plain); got != doc {
			t.Fatal("stream does not give the file back")
		}
		size, ids = size+len(doc), ids+len(plain)
	}
	if rate := float64(size) / float64(ids); rate < 1.8 {
		t.Errorf("bytes per token: got %.2f, want at least 1.8", rate)
	}
	// A line break and its indentation are one token.
	if got := tok.EncodePlain("\n\t\treturn"); len(got) != 2 {
		t.Errorf("indented return: got %d tokens, want 2", len(got))
	}
}

// TestTrainOrder is a vocabulary worked out by hand: ab stands there 5 times, then
// " ab" 3 times, then nothing twice.
func TestTrainOrder(t *testing.T) {
	docs := slices.Values([]string{"ab ab ab", "abc abc", "cd\nzz"})
	file, err := Train(docs, TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse("trained", file)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int]string{256: "ab", 257: "Ġab"} {
		if got, _ := tok.Token(id); got != want {
			t.Errorf("token %d: got %q, want %q", id, got, want)
		}
	}
	if _, err := Train(docs, TrainOptions{VocabSize: 259}); err == nil {
		t.Error("a pair that stands there once became a token")
	}
}

func TestTrainRefused(t *testing.T) {
	docs := slices.Values([]string{"some text"})
	for _, tc := range []struct {
		opts TrainOptions
		want string
	}{
		{TrainOptions{VocabSize: 100}, "vocabulary size: got 100, want 256 to"},
		{TrainOptions{VocabSize: 300}, "got 256 tokens, want 300: too little text"},
		{TrainOptions{VocabSize: 300, Special: []string{"a"}}, `special token "a": want`},
		{TrainOptions{VocabSize: 300, Special: []string{"<a>", "<a>"}}, `special token "<a>": want different`},
		{TrainOptions{VocabSize: 300, BOS: "<s>"}, `bos "<s>" is not a special token`},
	} {
		if _, err := Train(docs, tc.opts); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %s", tc.opts, err, tc.want)
		}
	}
	opts := TrainOptions{VocabSize: 300, Special: []string{"aa"}}
	if _, err := Train(slices.Values([]string{"aaaaaaa"}), opts); err == nil || !strings.Contains(err.Error(), `"aa" is a word of the text too`) {
		t.Errorf("special token in the text: got %v", err)
	}
}

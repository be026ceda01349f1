package data_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/chat"
	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// letters encodes a document as a 0, the BOS of its template, and its bytes.
type letters struct{}

func (letters) Encode(text string) []int {
	ids := []int{0}
	for _, b := range []byte(text) {
		ids = append(ids, int(b))
	}
	return ids
}

func (letters) EncodePlain(text string) []int { return letters{}.Encode(text)[1:] }

// encoding is that of letters, with a 1 at the end of answers and a chat template of
// one letter per role.
var encoding = data.Encoding{Tokenizer: letters{}, End: []int{1}, Chat: func(list []chat.Message) (string, []chat.Span, error) {
	var text strings.Builder
	var answers []chat.Span
	for _, m := range list {
		if m.Content == "refused" {
			return "", nil, errors.New("the template refuses")
		}
		text.WriteString(m.Role[:1] + ":")
		begin := text.Len()
		text.WriteString(m.Content + ".")
		if m.Role == "assistant" {
			answers = append(answers, chat.Span{Start: begin, End: text.Len()})
		}
	}
	return text.String(), answers, nil
}}

func write(t *testing.T, text string) string {
	t.Helper()
	return writeAs(t, "text.txt", text)
}

func writeAs(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, sources ...data.Source) *data.Corpus {
	t.Helper()
	c, err := data.Load(encoding, sources, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// all reads a corpus back: ^ for the BOS, $ for the token after answers, and what
// counts between brackets.
func all(c *data.Corpus) string {
	var b strings.Builder
	masked := c.Counted() < c.Tokens()
	inside := false
	for tok := range c.All() {
		if masked && tok.Counted && !inside {
			b.WriteByte('[')
		} else if masked && !tok.Counted && inside {
			b.WriteByte(']')
		}
		inside = tok.Counted
		b.WriteByte(byte(tok.ID))
	}
	if masked && inside {
		b.WriteByte(']')
	}
	return strings.NewReplacer("\x00", "^", "\x01", "$").Replace(b.String())
}

func TestLoad(t *testing.T) {
	long := strings.Repeat("word ", 100_000)
	for _, tt := range []struct{ name, text, separator, want string }{
		{"split and strip", " a b \n--\n\tc\n", "--", "^a b^c"},
		{"blank documents", "-- --a--\n----", "--", "^a"},
		{"no separator", "a--b\n", "", "^a--b"},
		{"separator absent", "a b", "--", "^a b"},
		{"separator over the scanner's first buffer", long + "<|endoftext|>" + long, "<|endoftext|>", "^" + long[:len(long)-1] + "^" + long[:len(long)-1]},
		{"characters of many bytes", "é--日本", "--", "^é^日本"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := data.Load(encoding, []data.Source{{Path: write(t, tt.text), Separator: tt.separator}}, data.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := all(c); got != tt.want {
				t.Errorf("corpus is %.80q, want %.80q", got, tt.want)
			}
		})
	}
}

func TestLoadJoinsSources(t *testing.T) {
	c := load(t, data.Source{Path: write(t, "a|b"), Separator: "|"}, data.Source{Path: write(t, "c|d")})
	if got, want := all(c), "^a^b^c|d"; got != want {
		t.Errorf("corpus is %q, want %q", got, want)
	}
}

func TestLoadErrors(t *testing.T) {
	folder := t.TempDir()
	for _, tt := range []struct{ name, path, want string }{
		{"invalid UTF-8", write(t, "a\n--\nb\nc \xff d"), "text.txt:4: byte 0xff is not UTF-8"},
		{"cut character", write(t, "a\n\xe2\x82"), "text.txt:2: byte 0xe2 is not UTF-8"},
		{"empty file", write(t, ""), "text.txt: got no text"},
		{"only separators", write(t, "--\n--"), "text.txt: got no text"},
		{"no file", filepath.Join(folder, "none.txt"), "none.txt: no such file"},
		{"folder", folder, "is a folder, want a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := data.Load(encoding, []data.Source{{Path: tt.path, Separator: "--"}}, data.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load() is %v, want %q in it", err, tt.want)
			}
		})
	}
	if _, err := data.Load(encoding, nil, data.Options{}); err == nil {
		t.Error("Load() of no sources succeeded")
	}
}

func TestWindows(t *testing.T) {
	c := load(t, data.Source{Path: write(t, "123456789")}) // ten ids
	for seqLen, want := range map[int]int{1: 9, 3: 3, 4: 2, 9: 1, 10: 0} {
		if got := c.Cut(seqLen, data.Concat).Len(); got != want {
			t.Errorf("there are %[2]d windows of %[1]d, want %[3]d", seqLen, got, want)
		}
	}
	w := c.Cut(4, data.Concat)
	want := data.Batch{Inputs: []int32{'4', '5', '6', '7'}, Targets: []int32{'5', '6', '7', '8'}}
	if diff := cmp.Diff(want, w.Batch(w.Start(1))); diff != "" {
		t.Errorf("window 1 of 4 tokens (-want +got):\n%s", diff)
	}
	want = data.Batch{Inputs: []int32{'7', '8', 0, '1'}, Targets: []int32{'8', '9', '1', '2'}}
	if diff := cmp.Diff(want, c.Cut(2, data.Concat).Batch(7, 0)); diff != "" {
		t.Errorf("Batch (-want +got):\n%s", diff)
	}
}

func corpus(t *testing.T, tokens int) *data.Corpus {
	t.Helper()
	return load(t, data.Source{Path: write(t, strings.Repeat("x", tokens-1))})
}

// An epoch has every window once, none beyond the corpus, and each epoch differs.
func TestSamplerEpochs(t *testing.T) {
	for _, tt := range []struct{ tokens, seqLen, windows int }{
		{2, 1, 1}, {9, 8, 1}, {16, 8, 1}, {24, 8, 2}, {25, 8, 2}, {1001, 10, 99}, {4096, 1, 4095}, {300, 299, 1},
	} {
		c := corpus(t, tt.tokens).Cut(tt.seqLen, data.Concat)
		s, err := data.NewSampler(c, 7)
		if err != nil {
			t.Fatal(err)
		}
		if s.Epoch() != tt.windows {
			t.Errorf("%d tokens, seqLen %d: an epoch has %d windows, want %d", tt.tokens, tt.seqLen, s.Epoch(), tt.windows)
		}
		var before []int
		for epoch := range 4 {
			starts := s.Starts(epoch, s.Epoch())
			c.Batch(starts...) // panics when a window leaves the corpus
			sorted := slices.Sorted(slices.Values(starts))
			for i := range sorted {
				if sorted[i] != sorted[0]+i*tt.seqLen {
					t.Fatalf("%d tokens, seqLen %d: epoch %d is no permutation: %v", tt.tokens, tt.seqLen, epoch, starts)
				}
			}
			if tt.windows > 10 && (slices.Equal(starts, before) || slices.IsSorted(starts)) {
				t.Errorf("%d tokens, seqLen %d: epoch %d is not shuffled", tt.tokens, tt.seqLen, epoch)
			}
			before = starts
		}
	}
}

// What a step draws depends on nothing but seed and step.
func TestSamplerIsPure(t *testing.T) {
	c := corpus(t, 1001).Cut(10, data.Concat)
	s, err := data.NewSampler(c, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := s.Starts(0, 300)
	var got []int
	for step := range 100 {
		got = append(got, s.Starts(step, 3)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("300 windows in one step and in 100 (-one +many):\n%s", diff)
	}
	other, err := data.NewSampler(c, 8)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(want, other.Starts(0, 300)) {
		t.Error("seeds 7 and 8 draw the same windows")
	}
	if _, err := data.NewSampler(c.Corpus().Cut(1001, data.Concat), 7); err == nil {
		t.Error("NewSampler() of a window longer than the corpus succeeded")
	}
}

// Offsets and first windows spread over their ranges: no bin of ten is far from a
// tenth of the draws. Four standard deviations of a binomial are the bound.
func TestSamplerIsUniform(t *testing.T) {
	c := corpus(t, 1001).Cut(10, data.Concat)
	const seeds = 2000
	var offsets, windows [10]int
	for seed := range uint64(seeds) {
		s, err := data.NewSampler(c, seed)
		if err != nil {
			t.Fatal(err)
		}
		first := s.Starts(0, 1)[0]
		offsets[first%10]++
		windows[first/10*10/100]++
	}
	const bound = 54 // 4·sqrt(2000·0.1·0.9)
	for i := range 10 {
		if d := offsets[i] - seeds/10; d < -bound || d > bound {
			t.Errorf("offset %d was drawn %d times in %d", i, offsets[i], seeds)
		}
		if d := windows[i] - seeds/10; d < -bound || d > bound {
			t.Errorf("windows from %d on were drawn %d times in %d", 10*i, windows[i], seeds)
		}
	}
}

// The count that every number of this project is measured by.
func TestHeldOutStories(t *testing.T) {
	enc, _, err := data.Open(testdata.Shared(t, "stories260K-hf"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := data.Load(enc, []data.Source{{Path: testdata.Shared(t, "tinystories", "v2-heldout.txt"), Separator: "<|endoftext|>"}}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Cut(256, data.Concat).Len()*256, 103_680; got != want {
		t.Errorf("v2-heldout predicts %d tokens in windows of 256 (%d ids), want %d", got, c.Tokens(), want)
	}
}

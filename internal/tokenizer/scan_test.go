package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// expressions compiles the patterns that have a scanner.
func expressions(tb testing.TB) map[string]func(string) []span {
	tb.Helper()
	finds := map[string]func(string) []span{}
	for source := range scanners {
		find, err := compilePattern(source)
		if err != nil {
			tb.Fatalf("%s: %v", source, err)
		}
		finds[source] = find
	}
	return finds
}

// sameCut compares a scanner with the expression that it stands for.
func sameCut(tb testing.TB, source string, find func(string) []span, text string) {
	tb.Helper()
	var want, got []string
	for _, s := range withGaps(text, find(text)) {
		want = append(want, text[s.lo:s.hi])
	}
	scanner(scanners[source]).split(text, true, func(word string, _ bool) { got = append(got, word) })
	if !slices.Equal(got, want) {
		tb.Errorf("%s\ncuts %q\ninto %q\nwant %q", source, text, got, want)
	}
}

// TestScanners compares the scanners with the expressions on the golden texts and on
// random ones of characters that the patterns tell apart.
func TestScanners(t *testing.T) {
	texts := readGzip[[]string](t, "texts.json.gz")
	parts := []string{
		"a", "b", "A", "B", "ǅ", "日", "ʰ", "\u0301", "\u0903", "é", "ß", "1", "٣", "½", " ", " ", "\u00a0", "\n", "\r", "\t", "\u3000", "'", "'s", "'LL", "'ſ", "’s", ".", "/", "!", "_", "🙂", "\x00", "\u200b", "ª", "Ⅷ",
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 4000 {
		var text strings.Builder
		for range 1 + random.IntN(9) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		texts = append(texts, text.String())
	}
	for source, find := range expressions(t) {
		for _, text := range texts {
			sameCut(t, source, find, text)
		}
	}
}

func FuzzScanners(f *testing.F) {
	for _, seed := range []string{"", "It's ABCdef 1234\r\n\r\n  x", "日Aa\u0301'LL//\n", "\xff\xc3 a"} {
		f.Add(seed)
	}
	finds := expressions(f)
	f.Fuzz(func(t *testing.T, text string) {
		for source, find := range finds {
			sameCut(t, source, find, text)
		}
	})
}

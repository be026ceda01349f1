package tokenizer

import (
	"os"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// BenchmarkEncode counts bytes of English text, after one pass that warms the cache.
func BenchmarkEncode(b *testing.B) {
	story := readStory(b)
	for _, dir := range []string{"gpt2", "qwen2.5", "phi-3-mini"} {
		b.Run("vocab="+dir, func(b *testing.B) {
			tok := load(b, "tokenizers", dir)
			tok.EncodePlain(story)
			b.SetBytes(int64(len(story)))
			b.ReportAllocs()
			for b.Loop() {
				tok.EncodePlain(story)
			}
		})
	}
}

// BenchmarkFamilies is BenchmarkEncode for the small vocabularies of the golden files.
func BenchmarkFamilies(b *testing.B) {
	story := readStory(b)
	bases := readGzip[familyBases](b, "bases.json.gz")
	vectors := readGzip[familyVectors](b, "vectors.json.gz")
	run := func(name string, tok *Tokenizer) {
		b.Run("family="+strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			tok.EncodePlain(story)
			b.SetBytes(int64(len(story)))
			for b.Loop() {
				tok.EncodePlain(story)
			}
		})
	}
	for _, f := range vectors.Families {
		if !f.Shared {
			run(f.Name, f.tokenizer(b, bases))
		}
	}
	for _, p := range vectors.Pieces {
		m, err := parsePieceModel(bases.Pieces[p.Name])
		if err != nil {
			b.Fatal(err)
		}
		tok, err := tokenizerOfPieces(m, &config{})
		if err != nil {
			b.Fatal(err)
		}
		run("tokenizer.model/"+p.Name, tok)
	}
}

// BenchmarkNoSpace is one word of 1 MB, which no cache helps.
func BenchmarkNoSpace(b *testing.B) {
	text := strings.Repeat("abracadabra", 1<<20/11)
	for _, dir := range []string{"gpt2", "phi-3-mini"} {
		b.Run("vocab="+dir, func(b *testing.B) {
			tok := load(b, "tokenizers", dir)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.EncodePlain(text)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, dir := range []string{"gpt2", "qwen2.5"} {
		b.Run("vocab="+dir, func(b *testing.B) {
			data, err := os.ReadFile(testdata.Shared(b, "tokenizers", dir, FileName))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Parse(dir, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func readStory(tb testing.TB) string {
	tb.Helper()
	data, err := os.ReadFile(testdata.Shared(tb, "tinyshakespeare", "input.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

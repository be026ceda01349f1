package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// familyVectors is what tools/golden/tokenizer_vectors.py wrote: checksums of what
// the real libraries give for over 2,000 texts.
type familyVectors struct {
	Families []struct {
		checksums

		Base   string
		Spec   map[string]any
		Model  map[string]any
		Shared bool
	}
	Pieces []checksums
}

// checksums are three numbers by text, 4 bytes each, little end first.
type checksums struct {
	Name                string
	IDs, Plain, Special string
}

type familyBases struct {
	Models map[string]map[string]any
	Pieces map[string][]byte
}

const untried = 1<<32 - 1

func readGzip[T any](tb testing.TB, name string) (v T) {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", "families", name))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.NewDecoder(unzipped).Decode(&v); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return v
}

// TestFamilies compares ids and texts, both ways, with tokenizers for the settings
// of every family, and for the published files that are there.
func TestFamilies(t *testing.T) {
	texts := readGzip[[]string](t, "texts.json.gz")
	bases := readGzip[familyBases](t, "bases.json.gz")
	if len(texts) < 2000 {
		t.Fatalf("got %d texts, want 2000 or more", len(texts))
	}
	for _, f := range readGzip[familyVectors](t, "vectors.json.gz").Families {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			var tok *Tokenizer
			if f.Shared {
				tok = load(t, "tokenizers", f.Name)
			} else {
				model := maps.Clone(bases.Models[f.Base])
				maps.Copy(model, f.Model)
				f.Spec["model"] = model
				data, err := json.Marshal(f.Spec)
				if err != nil {
					t.Fatal(err)
				}
				if tok, err = Parse(f.Name, data); err != nil {
					t.Fatal(err)
				}
			}
			compareVectors(t, tok, texts, f.checksums)
		})
	}
}

func compareVectors(t *testing.T, tok *Tokenizer, texts []string, want checksums) {
	t.Helper()
	ids, plain, special := sums(t, want.IDs), sums(t, want.Plain), sums(t, want.Special)
	if len(ids) != len(texts) || len(plain) != len(texts) || len(special) != len(texts) {
		t.Fatalf("got %d, %d and %d checksums, want %d", len(ids), len(plain), len(special), len(texts))
	}
	wrong, tried := 0, 0
	for i, text := range texts {
		if ids[i] == untried {
			continue
		}
		tried++
		got, inner := tok.Encode(text), tok.EncodePlain(text)
		back, with := tok.Decode(inner, true), tok.Decode(inner, false)
		if idsSum(got) == ids[i] && matches32(back, text, plain[i]) && matches32(with, back, special[i]) && streamed(t, tok, inner) == back {
			continue
		}
		if wrong++; wrong <= 5 {
			t.Errorf("text %d, %q: got %v, %q, %q, as a stream %q; `tokenizer_vectors.py %q %d` prints what is wanted",
				i, text, got, back, with, streamed(t, tok, inner), want.Name, i)
		}
	}
	if wrong > 0 || tried < 1500 {
		t.Errorf("%d of %d texts differ", wrong, tried)
	}
}

func sums(tb testing.TB, packed string) []uint32 {
	tb.Helper()
	raw, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		tb.Fatal(err)
	}
	all := make([]uint32, len(raw)/4)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, all); err != nil {
		tb.Fatal(err)
	}
	return all
}

func idsSum(ids []int) uint32 {
	var raw []byte
	for _, id := range ids {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
	}
	return crc32.ChecksumIEEE(raw)
}

// matches32 compares a text with a checksum that is 0 for usual.
func matches32(got, usual string, want uint32) bool {
	switch want {
	case untried:
		return true
	case 0:
		return got == usual
	}
	return max(1, crc32.ChecksumIEEE([]byte(got))) == want
}

// TestPieces compares SentencePiece models with sentencepiece itself.
func TestPieces(t *testing.T) {
	texts := readGzip[[]string](t, "texts.json.gz")
	bases := readGzip[familyBases](t, "bases.json.gz")
	for _, want := range readGzip[familyVectors](t, "vectors.json.gz").Pieces {
		t.Run(want.Name, func(t *testing.T) {
			t.Parallel()
			m, err := parsePieceModel(bases.Pieces[want.Name])
			if err != nil {
				t.Fatal(err)
			}
			tok, err := tokenizerOfPieces(m, &config{})
			if err != nil {
				t.Fatal(err)
			}
			compareVectors(t, tok, texts, want)
		})
	}
}

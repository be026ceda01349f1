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
	Families []family
	Pieces   []checksums
	Folders  []struct {
		checksums

		Model  string
		Config json.RawMessage
	}
}

type family struct {
	checksums

	Base   string         // the model,
	Model  map[string]any // what is changed in it,
	Spec   map[string]any // and the rest of the file
	Shared bool           // a file of the shared data instead
}

// tokenizer returns the tokenizer of the family; it may be called once.
func (f family) tokenizer(tb testing.TB, bases familyBases) *Tokenizer {
	tb.Helper()
	if f.Shared {
		return load(tb, "tokenizers", f.Name)
	}
	model := maps.Clone(bases.Models[f.Base])
	maps.Copy(model, f.Model)
	f.Spec["model"] = model
	data, err := json.Marshal(f.Spec)
	if err != nil {
		tb.Fatal(err)
	}
	tok, err := Parse(f.Name, data)
	if err != nil {
		tb.Fatal(err)
	}
	return tok
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
			compareVectors(t, f.tokenizer(t, bases), texts, f.checksums)
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

// TestPieceFolders compares folders that have a tokenizer.model and a
// tokenizer_config.json with what transformers makes of them.
func TestPieceFolders(t *testing.T) {
	texts := readGzip[[]string](t, "texts.json.gz")
	bases := readGzip[familyBases](t, "bases.json.gz")
	for _, f := range readGzip[familyVectors](t, "vectors.json.gz").Folders {
		t.Run(f.Name, func(t *testing.T) {
			tok, err := Load(folderOf(t, map[string]string{pieceFileName: string(bases.Pieces[f.Model]), configName: string(f.Config)}))
			if err != nil {
				t.Fatal(err)
			}
			compareVectors(t, tok, texts, f.checksums)
		})
	}
}

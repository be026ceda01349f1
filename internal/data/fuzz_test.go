package data_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/data"
)

// fuzz loads files of arbitrary content: an error or a corpus that can be cut.
func fuzz(f *testing.F, name string) {
	f.Helper()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := data.Load(encoding, []data.Source{{Path: path}}, data.Options{})
		if err != nil {
			return
		}
		for _, packing := range []data.Packing{data.Concat, data.Documents} {
			w := c.Cut(3, packing)
			for i := range w.Len() {
				w.Batch(w.Start(i))
			}
		}
	})
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(rowsOfAnswers))
	f.Add([]byte(`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`))
	f.Add([]byte("\uFEFF{\"text\":\"a\"}"))
	f.Add([]byte("{\"text\":\"a\"}\nnull\n[\n\"\\u12"))
	fuzz(f, "a.jsonl")
}

func FuzzParquet(f *testing.F) {
	for _, name := range []string{"text.parquet", "messages.parquet"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	fuzz(f, "a.parquet")
}

// FuzzCache opens token files of arbitrary content: one that is not what was written
// is made again.
func FuzzCache(f *testing.F) {
	enc := data.Encoding{Tokenizer: letters{}, Fingerprint: func() (string, error) { return "", nil }}
	dir := f.TempDir()
	source := data.Source{Path: filepath.Join(dir, "a.txt")}
	if err := os.WriteFile(source.Path, []byte("some text"), 0o600); err != nil {
		f.Fatal(err)
	}
	o := data.Options{Cache: filepath.Join(dir, "tokens"), Above: 1}
	want, err := data.Load(enc, []data.Source{source}, o)
	if err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(o.Cache, "*"))
	if err != nil || len(files) != 1 {
		f.Fatal(files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(content[:len(content)/2])
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(files[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := data.Load(enc, []data.Source{source}, o)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Equal(want) {
			t.Error("the tokens are others")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

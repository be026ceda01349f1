package data_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/data"
)

// counting tells how often a document was encoded.
type counting struct {
	letters
	documents *int
}

func (c counting) Encode(text string) []int { *c.documents++; return c.letters.Encode(text) }

// The tokens of a large corpus are made once, are those of a corpus in memory, and
// are made again whenever something that they depend on has changed.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "tokens")
	path := write(t, strings.Repeat("some text|", 100))
	encoded, name := 0, "one"
	enc := data.Encoding{Tokenizer: counting{documents: &encoded}, Fingerprint: func() (string, error) { return name, nil }}
	var notices []string
	o := data.Options{Cache: dir, Above: 1, Notice: func(line string) { notices = append(notices, line) }}
	separator := "|"
	want := load(t, data.Source{Path: path, Separator: separator})
	entry := func() string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("the cache has %v, %v, want one file", files, err)
		}
		return files[0]
	}
	edit := func(change func([]byte) []byte) func() {
		return func() {
			b, err := os.ReadFile(entry())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(entry(), change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func()
		remade bool
	}{
		{"first", func() {}, true},
		{"again", func() {}, false},
		{"a token flipped", edit(func(b []byte) []byte { b[40] ^= 1; return b }), true},
		{"a total flipped", edit(func(b []byte) []byte { b[len(b)-70] ^= 1; return b }), true},
		{"cut short", edit(func(b []byte) []byte { return b[:len(b)-4] }), true},
		{"empty", edit(func([]byte) []byte { return nil }), true},
		{"too long", edit(func(b []byte) []byte { return append(b, 0) }), true},
		{"whole again", func() {}, false},
		{"gone", func() { _ = os.Remove(entry()) }, true},
		{"another tokenizer", func() { _ = os.Remove(entry()); name = "two" }, true},
		{"text touched", func() {
			_ = os.Remove(entry())
			if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		encoded, notices = 0, nil
		tt.change()
		c, err := data.Load(enc, []data.Source{{Path: path, Separator: separator}}, o)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if (encoded > 0) != tt.remade || (len(notices) > 0) != tt.remade {
			t.Errorf("%s: %d documents were encoded, told %q; want that: %v", tt.name, encoded, notices, tt.remade)
		}
		if !c.Equal(want) || c.Documents() != 100 || c.HighestID() != want.HighestID() {
			t.Errorf("%s: the corpus differs from that in memory", tt.name)
		}
		if got := c.Cut(7, data.Documents).Len(); got != want.Cut(7, data.Documents).Len() {
			t.Errorf("%s: there are %d windows", tt.name, got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	separator = "x"
	encoded = 0
	if _, err := data.Load(enc, []data.Source{{Path: path, Separator: separator}}, o); err != nil || encoded == 0 {
		t.Errorf("with another separator %d documents were encoded, %v", encoded, err)
	}
	encoded, o.Above = 0, 0
	if c, err := data.Load(enc, []data.Source{{Path: path, Separator: "|"}}, o); err != nil || encoded == 0 || !c.Equal(want) {
		t.Errorf("a small corpus came from the cache, %v", err)
	}
}

// A cache that cannot be written is said to be that, and an error of the text is not.
func TestCacheErrors(t *testing.T) {
	enc := data.Encoding{Tokenizer: letters{}, Fingerprint: func() (string, error) { return "", nil }}
	blocked := write(t, "a file, no folder")
	_, err := data.Load(enc, []data.Source{{Path: write(t, "text")}}, data.Options{Cache: blocked, Above: 1})
	if e, ok := errors.AsType[*data.CacheError](err); !ok || !strings.Contains(e.Hint(), "XDG_CACHE_HOME") {
		t.Errorf("Load() is %v, want a CacheError", err)
	}
	dir := t.TempDir()
	_, err = data.Load(enc, []data.Source{{Path: write(t, "a\n\xff")}}, data.Options{Cache: dir, Above: 1})
	if err == nil || !strings.Contains(err.Error(), "text.txt:2: byte 0xff is not UTF-8") || strings.Contains(err.Error(), "keep tokens") {
		t.Errorf("Load() is %v, want the error of the text", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("a failed encoding left %v", files)
	}
}

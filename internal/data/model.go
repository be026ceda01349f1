package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-1411d8c0/linearize/internal/chat"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// tokenizerFiles are what the encoding of a model folder depends on.
var tokenizerFiles = []string{
	tokenizer.FileName, "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
	"chat_template.jinja", "vocab.json", "merges.txt",
}

// Open finds how the model of a folder reads documents. Its chat template is read
// when the first conversation comes.
func Open(dir string) (Encoding, *tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return Encoding{}, nil, err
	}
	special, err := tokenizer.SpecialTokens(dir)
	if err != nil {
		return Encoding{}, nil, err
	}
	e := Encoding{Tokenizer: tok, Fingerprint: func() (string, error) { return fingerprint(dir) }}
	if id, ok := tok.ID(special["eos_token"]); ok {
		e.End = []int{id}
	}
	template := sync.OnceValues(func() (*chat.Template, error) { return chat.Load(dir) })
	e.Chat = func(m []chat.Message) (string, []chat.Span, error) {
		t, err := template()
		if err != nil {
			return "", nil, fmt.Errorf("messages are written with the model's chat template: %w", err)
		}
		return t.RenderSpans(m)
	}
	return e, tok, nil
}

// fingerprint is the hash of the files that decide how a folder's model reads text.
func fingerprint(dir string) (string, error) {
	h := sha256.New()
	for _, name := range tokenizerFiles {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		info, err := f.Stat()
		if err == nil {
			_, _ = fmt.Fprintf(h, "%s %d\n", name, info.Size()) // a hash takes all
			_, err = io.Copy(h, f)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name of the file that [Load] reads first.
const FileName = "tokenizer.json"

// pieceFileName is the SentencePiece model that stands in for it.
const pieceFileName = "tokenizer.model"

// MissingError reports a folder without a tokenizer that can be read.
type MissingError struct {
	Dir  string
	Else string // another tokenizer file that is there instead, or ""
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("read %s: no such file", filepath.Join(e.Dir, FileName))
}

// Hint says how to come by the file.
func (e *MissingError) Hint() string {
	if e.Else == "" {
		return "copy tokenizer.json from the model's repository into the folder"
	}
	return "the folder has " + e.Else + " only; in Python, AutoTokenizer.from_pretrained(dir, use_fast=True).save_pretrained(dir) writes tokenizer.json from it"
}

// Load reads the tokenizer of a folder: tokenizer.json; without it tokenizer.model,
// a SentencePiece model, with what tokenizer_config.json says about special tokens;
// without that too vocab.json with merges.txt, where tokenizer_config.json names a class
// whose way to cut text is known. A folder with none of them is a [*MissingError].
func Load(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, FileName)
	data, err := os.ReadFile(path)
	if err == nil {
		return Parse(path, data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path = filepath.Join(dir, pieceFileName)
	if data, err = os.ReadFile(path); err == nil {
		return loadPieces(dir, path, data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if t, err := loadMerges(dir); t != nil || err != nil {
		return t, err
	}
	missing := &MissingError{Dir: dir}
	for _, other := range []string{"tekken.json", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt"} {
		if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
			missing.Else = other
			break
		}
	}
	return nil, missing
}

func loadPieces(dir, path string, data []byte) (*Tokenizer, error) {
	m, err := parsePieceModel(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	t, err := tokenizerOfPieces(m, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

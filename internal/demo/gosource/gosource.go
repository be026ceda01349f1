// Package gosource reads the source of the Go standard library as a corpus of
// text: what the demo's teacher was trained on, and what its students are.
//
//   - [Find] asks where Go is on this machine.
//   - [Read] collects the library of a Go installation, one document per file, and
//     sets about one file in 32 aside: which ones depends on their paths alone. A
//     teacher trained elsewhere and a student trained here agree on them.
//   - [Join] makes one text file of documents, which package data reads again.
//
// # What is left out
//
// Tests, testdata, vendored packages and the commands; generated files; tables of
// numbers, which a language model of source code learns nothing from; and the
// copyright lines that begin every file.
//
// # Limits
//
// Another release of Go has other files: one that has moved since the teacher was
// trained may have changed sides.
package gosource

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Separator stands on a line of its own between two documents. No file of the
// library holds it.
const Separator = "<|endoftext|>"

// heldOutOf is the number of files of which one is set aside.
const heldOutOf = 32

// Document is one source file.
type Document struct {
	Path string // below GOROOT/src, with slashes
	Text string
}

// Library is the standard library, in two parts that share no file. The documents
// of each are in an order that mixes packages and never changes, so that any first
// part of them is a fair sample.
type Library struct{ Train, HeldOut []Document }

// MissingError reports a machine on which no Go was found.
type MissingError struct{ err error }

func (e *MissingError) Error() string { return fmt.Sprintf("go env GOROOT: %v", e.err) }

func (e *MissingError) Unwrap() error { return e.err }

// Hint says what else there is.
func (*MissingError) Hint() string {
	return "install Go (https://go.dev/dl), whose library is the text, or give another text with --text FILE"
}

// Find returns the folder of this machine's Go: what the variable GOROOT says, or
// the go command. The error is a [*MissingError].
func Find() (goroot string, err error) {
	if root := os.Getenv("GOROOT"); root != "" {
		return root, nil
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	root := strings.TrimSpace(string(out))
	if err == nil && root == "" {
		err = errors.New("it names no folder")
	}
	if err != nil {
		return "", &MissingError{err}
	}
	return root, nil
}

// Version is the release of an installation, "go1.27.4".
func Version(goroot string) string {
	data, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return "an unreleased Go"
	}
	version, _, _ := strings.Cut(string(data), "\n")
	return version
}

// Read collects the library below goroot/src.
func Read(goroot string) (*Library, error) {
	src := os.DirFS(filepath.Join(goroot, "src"))
	var docs []Document
	err := fs.WalkDir(src, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && leftOut(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		data, err := fs.ReadFile(src, name)
		if err != nil {
			return err
		}
		if text, ok := prose(data); ok {
			docs = append(docs, Document{name, text})
		}
		return nil
	})
	if err == nil && len(docs) == 0 {
		err = errors.New("there is no Go source")
	}
	if err != nil {
		return nil, fmt.Errorf("read the standard library of %s: %w", goroot, err)
	}
	return Split(docs), nil
}

// Split sets documents aside by the hash of their paths and orders both parts by it.
func Split(docs []Document) *Library {
	lib := &Library{}
	for _, d := range docs {
		if heldOut(d.Path) {
			lib.HeldOut = append(lib.HeldOut, d)
		} else {
			lib.Train = append(lib.Train, d)
		}
	}
	shuffle(lib.Train)
	shuffle(lib.HeldOut)
	return lib
}

// leftOut reports whether a folder holds no source of the library.
func leftOut(dir string) bool {
	base := path.Base(dir)
	return dir == "cmd" || base == "vendor" || base == "testdata" || base != "." && strings.ContainsRune("._", rune(base[0]))
}

// generated is the line that Go's own conventions ask generators to write.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// prose returns the text of a file without its copyright lines, and whether it is
// source that somebody wrote.
func prose(data []byte) (string, bool) {
	if !utf8.Valid(data) || bytes.Contains(data, []byte(Separator)) || generated.Match(data) {
		return "", false
	}
	digits := 0
	for _, c := range data {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	if digits*10 > len(data) {
		return "", false
	}
	text := string(data)
	if strings.HasPrefix(text, "// Copyright ") {
		_, text, _ = strings.Cut(text, "\n\n")
	}
	text = strings.TrimSpace(text)
	return text, text != ""
}

// hash gives a path two numbers that have nothing to do with each other.
func hash(name string) (side, order uint64) {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
}

func heldOut(name string) bool {
	side, _ := hash(name)
	return side%heldOutOf == 0
}

func shuffle(docs []Document) {
	slices.SortFunc(docs, func(a, b Document) int {
		_, x := hash(a.Path)
		_, y := hash(b.Path)
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a.Path, b.Path))
	})
}

// First returns the first documents that hold at most size bytes together,
// leaving out those longer than longest, of which one would be the whole sample.
func First(docs []Document, size, longest int) []Document {
	var out []Document
	for _, d := range docs {
		if len(d.Text) > longest {
			continue
		}
		if size -= len(d.Text); size < 0 {
			break
		}
		out = append(out, d)
	}
	return out
}

// Join writes documents as one text, the separator on a line between two.
func Join(docs []Document) []byte {
	var b bytes.Buffer
	for i, d := range docs {
		if i > 0 {
			b.WriteString(Separator + "\n")
		}
		b.WriteString(d.Text + "\n")
	}
	return b.Bytes()
}

// Package demo holds what `linearize demo` works on: a teacher small enough for
// the binary to carry, and the text to distill it on.
//
//   - [Teacher] returns the files of the teacher's folder. internal/cmd/mkteacher
//     made it; its README.md says from what.
//   - [FromGo] and [FromFile] find text; package gosource says what of the Go
//     library counts, and which files the teacher never saw.
//
// # Limits
//
// The teacher has read Go, and little else makes sense to it. [FromGo] needs a Go installation.
// A file is read whole, though at most 2 MiB of it are trained on and 72 KiB held out.
package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-1411d8c0/linearize/internal/demo/gosource"
)

//go:embed teacher
var files embed.FS

// Teacher returns the files of the teacher's folder by name.
func Teacher() (map[string][]byte, error) {
	entries, err := files.ReadDir("teacher")
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if out[e.Name()], err = fs.ReadFile(files, "teacher/"+e.Name()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// How much text the demo takes, in bytes. No stage sees all of the first; the
// second is read ten times.
const (
	trainBytes   = 2 << 20
	heldOutBytes = 72 << 10
	longest      = 16 << 10 // of one file
)

// Text is what the demo trains and measures on: documents, the line
// [gosource.Separator] between two.
type Text struct {
	Source         string // where it comes from, for a person
	Train, HeldOut []byte
}

// FromGo takes a part of the standard library of this machine's Go. The held-out
// part is of files that the teacher was not trained on. An error of a machine
// without Go is a [*gosource.MissingError].
func FromGo() (*Text, error) {
	goroot, err := gosource.Find()
	if err != nil {
		return nil, err
	}
	lib, err := gosource.Read(goroot)
	if err != nil {
		return nil, err
	}
	return newText(fmt.Sprintf("the library of %s in %s", gosource.Version(goroot), goroot), lib)
}

// chunk is the size in bytes of the documents that a file is cut into.
const chunk = 4 << 10

// FromFile takes the text of a file, cut at line ends into documents, of which
// every 32nd or so is held out.
func FromFile(path string) (*Text, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("read text: %s is not UTF-8", path)
	}
	text := strings.ReplaceAll(string(data), gosource.Separator, "\n")
	var docs []gosource.Document
	for begin := 0; begin < len(text); {
		end := min(begin+chunk, len(text))
		if i := strings.IndexByte(text[end:], '\n'); i >= 0 {
			end += i + 1
		} else {
			end = len(text)
		}
		docs = append(docs, gosource.Document{Path: strconv.Itoa(len(docs)), Text: strings.TrimSpace(text[begin:end])})
		begin = end
	}
	return newText(filepath.ToSlash(path), gosource.Split(docs))
}

func newText(source string, lib *gosource.Library) (*Text, error) {
	t := &Text{
		Source:  source,
		Train:   gosource.Join(gosource.First(lib.Train, trainBytes, longest)),
		HeldOut: gosource.Join(gosource.First(lib.HeldOut, heldOutBytes, longest)),
	}
	if len(t.Train) == 0 || len(t.HeldOut) == 0 {
		return nil, fmt.Errorf("%s: got %d bytes to train on and %d to measure on, want more text", source, len(t.Train), len(t.HeldOut))
	}
	return t, nil
}

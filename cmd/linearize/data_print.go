package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// previewJSON is a contract with scripts: docs/cli.md.
type previewJSON struct {
	Model  string         `json:"model"` // whose tokenizer it is
	Data   []previewSet   `json:"data"`
	Stages []previewStage `json:"stages,omitempty"` // of a recipe
}

type previewSet struct {
	Key       string          `json:"key"` // data.train or data.eval; files when they were given
	Files     []string        `json:"files"`
	Documents int             `json:"documents"`
	Tokens    int             `json:"tokens"`
	Counted   int             `json:"counted"` // tokens that the loss counts where they are predicted
	SeqLen    int             `json:"seq_len"`
	Packing   data.Packing    `json:"packing"`
	Windows   int             `json:"windows"`
	First     []previewWindow `json:"first"`
}

type previewWindow struct {
	Tokens []previewToken `json:"tokens"` // the one that is only read, then those that are predicted
}

type previewToken struct {
	ID      int    `json:"id"`
	Text    string `json:"text"` // that it adds; where it adds none, as special tokens, its name in the vocabulary
	Counted bool   `json:"counted"`
	Starts  bool   `json:"starts"` // a document
}

type previewStage struct {
	Name    string  `json:"name"`
	Windows int     `json:"windows"` // that it draws
	Epochs  float64 `json:"epochs"`
}

func (out previewJSON) print(w io.Writer, colours bool) error {
	var b strings.Builder
	for _, set := range out.Data {
		fmt.Fprintf(&b, "%s: %s\n", set.Key, strings.Join(set.Files, " "))
		fmt.Fprintf(&b, "  %d documents, %d tokens", set.Documents, set.Tokens)
		if masked := set.Counted < set.Tokens; masked {
			fmt.Fprintf(&b, ", of which %d count (%.1f %%)", set.Counted, 100*float64(set.Counted)/float64(set.Tokens))
		}
		fmt.Fprintf(&b, "; %d windows of %d, %s\n", set.Windows, set.SeqLen, set.Packing)
		for i, window := range set.First {
			fmt.Fprintf(&b, "\nwindow %d:\n", i)
			window.print(&b, set.Counted < set.Tokens, colours)
		}
		fmt.Fprintln(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil || len(out.Stages) == 0 {
		return err
	}
	t := ui.NewTable("stage", "windows", "epochs")
	for _, s := range out.Stages {
		t.Row(s.Name, strconv.Itoa(s.Windows), strconv.FormatFloat(s.Epochs, 'f', 2, 64))
	}
	return t.Write(w)
}

// The marks of tokens that count, and what a terminal shows them in.
const (
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

// visible makes a token's text one that cannot be taken for a mark. The bar between
// tokens is not the one that names of special tokens are full of.
var visible = strings.NewReplacer("│", `\│`, "[", `\[`, "]", `\]`)

// print writes tokens between bars, those that count in brackets where not all do.
func (p previewWindow) print(b *strings.Builder, masked, colours bool) {
	inside := false
	end := func() {
		if inside {
			b.WriteString("]")
			if colours {
				b.WriteString(plain)
			}
		}
		inside = false
	}
	for i, t := range p.Tokens {
		counted := masked && t.Counted
		if inside && (!counted || t.Starts) {
			end()
		}
		switch {
		case i == 0:
			b.WriteString("  ")
		case t.Starts:
			b.WriteString("\n  ")
		default:
			b.WriteString("│")
		}
		if counted && !inside {
			inside = true
			if colours {
				b.WriteString(green)
			}
			b.WriteString("[")
		}
		quoted := strconv.Quote(t.Text)
		b.WriteString(visible.Replace(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)))
	}
	end()
	b.WriteString("\n")
}

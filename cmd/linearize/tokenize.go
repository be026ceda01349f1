package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newTokenizeCmd() *cobra.Command {
	var decode, skipSpecial bool
	cmd := &cobra.Command{
		Use:   "tokenize MODEL FILE",
		Short: "Turn lines of text into token ids, or back",
		Long: `Turn every line of FILE into one JSON array of token ids, by the model's own
tokenizer.json, including special tokens such as a first BOS. Without that file
tokenizer.model (SentencePiece) is read, or else vocab.json with merges.txt. The
newline is not part of the text. FILE "-" is standard input.

With --decode, every line of FILE is such an array and becomes one JSON string:
a text may hold newlines, and a line in is always a line out.`,
		Example: `  linearize tokenize models/stories story.txt > ids.jsonl
  linearize tokenize models/stories --decode --skip-special ids.jsonl`,
		Args: takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if skipSpecial && !decode {
				return usagef("--skip-special is for --decode")
			}
			dir, err := findTokenizer(cmd, args[0])
			if err != nil {
				return err
			}
			tok, err := tokenizer.Load(dir)
			if err != nil {
				return invalid(err)
			}
			convert := func(line string) (any, error) { return tok.Encode(line), nil }
			if decode {
				convert = func(line string) (any, error) { return decodeLine(tok, line, skipSpecial) }
			}
			in, name, err := openInput(cmd, args[1])
			if err != nil {
				return err
			}
			defer func() { _ = in.Close() }() // it was only read
			return convertLines(cmd.Context(), cmd.OutOrStdout(), in, name, convert)
		},
	}
	cmd.Flags().BoolVar(&decode, "decode", false, "read arrays of ids and print texts")
	cmd.Flags().BoolVar(&skipSpecial, "skip-special", false, "with --decode, leave special tokens out of the texts")
	return cmd
}

// openInput opens a file, or standard input for "-", and says how to call it in errors.
func openInput(cmd *cobra.Command, path string) (in io.ReadCloser, name string, err error) {
	if path == "-" {
		return io.NopCloser(cmd.InOrStdin()), "stdin", nil
	}
	in, err = os.Open(path)
	return in, path, err
}

// convertLines writes one line of JSON for every line of in, however long.
func convertLines(ctx context.Context, out io.Writer, in io.Reader, name string, convert func(string) (any, error)) error {
	r, w := bufio.NewReaderSize(in, 1<<16), bufio.NewWriter(out)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if err != nil && line == "" {
			return w.Flush()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := convert(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return errors.Join(w.Flush(), fmt.Errorf("%s:%d: %w", name, n, err))
		}
		if err := ui.WriteJSON(w, v); err != nil {
			return err
		}
		if r.Buffered() > 0 {
			continue
		}
		if err := w.Flush(); err != nil { // whoever types or pipes lines sees each answer at once
			return err
		}
	}
}

// decodeLine refuses an id that no token has, where the tokenizer would drop it.
func decodeLine(tok *tokenizer.Tokenizer, line string, skipSpecial bool) (string, error) {
	var ids []int
	if err := json.Unmarshal([]byte(line), &ids); err != nil {
		return "", fmt.Errorf("want a JSON array of ids: %w", err)
	}
	if ids == nil {
		return "", errors.New("want a JSON array of ids: got null")
	}
	for _, id := range ids {
		if _, ok := tok.Token(id); !ok {
			return "", fmt.Errorf("id %d is not in the vocabulary", id)
		}
	}
	return tok.Decode(ids, skipSpecial), nil
}

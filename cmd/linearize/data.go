package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func newDataCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Show what a model is trained on",
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataPreviewCmd())
	return cmd
}

func newDataPreviewCmd() *cobra.Command {
	var c previewCmd
	cmd := &cobra.Command{
		Use:   "preview RECIPE | MODEL FILE...",
		Short: "Show the tokens of data and which count for the loss",
		Long: `Show how data becomes tokens, which of them the loss counts, and how many windows
there are: of a recipe's data, or of files as a model's tokenizer and chat template
read them.

Files are .txt with a separator between documents, .jsonl or .parquet, whose rows
have text; prompt and completion, of which the completion counts; or messages, each
with role and content, of which the assistant's turns count.

Tokens stand between bars, each document on a line of its own. Where not every token
counts, those that do are in brackets. The first token of a window is never predicted.`,
		Example: `  linearize data preview stories.yaml
  linearize data preview models/chat talks.jsonl --seq 512 --windows 1
  linearize data preview models/stories heldout.txt --separator '<|endoftext|>' --json`,
		Args: takes(1, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.IntVar(&c.windows, "windows", 2, "`number` of windows to show of each set of files")
	f.IntVar(&c.seqLen, "seq", 0, "with files: `tokens` of a window (default 256)")
	f.StringVar(&c.separator, "separator", "", "with files: `text` between two documents")
	f.StringVar(&c.packing, "packing", "", "with files: `how` documents fill windows, concat or documents (default concat)")
	setFlag(cmd, &c.sets)
	jsonFlag(cmd, &c.asJSON)
	return cmd
}

type previewCmd struct {
	windows, seqLen    int
	separator, packing string
	sets               []string
	asJSON             bool
}

func (c *previewCmd) run(cmd *cobra.Command, first string, files []string) error {
	if c.windows < 0 {
		return usagef("--windows is %d, want >= 0", c.windows)
	}
	var (
		out previewJSON
		err error
	)
	switch ext := strings.ToLower(filepath.Ext(first)); {
	case ext == ".yaml" || ext == ".yml":
		out, err = c.recipe(cmd, first, files)
	case len(files) == 0:
		return usagef("%s is no recipe (.yaml), and no files are given with a model", first)
	default:
		out, err = c.files(cmd, first, files)
	}
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(cmd, out)
	}
	return out.print(cmd.OutOrStdout(), ui.IsTerminal(cmd.OutOrStdout()))
}

func (c *previewCmd) recipe(cmd *cobra.Command, path string, files []string) (out previewJSON, err error) {
	for _, flag := range []string{"seq", "separator", "packing"} {
		if cmd.Flags().Changed(flag) {
			return out, usagef("--%s is for files; a recipe says it itself, and --set data.… changes it", flag)
		}
	}
	if len(files) > 0 {
		return out, usagef("got files after a recipe, which has its own: %s", strings.Join(files, " "))
	}
	r, err := recipes.Load(path, c.sets...)
	if err != nil {
		return out, invalid(err)
	}
	paths := r.Paths()
	out.Model = cmp.Or(paths.Student, paths.Teacher)
	enc, tok, err := openTokenizer(cmd, out.Model)
	if err != nil {
		return out, err
	}
	for _, set := range []struct {
		key  string
		list []recipes.Source
	}{{"data.train", paths.Train}, {"data.eval", paths.Eval}} {
		if len(set.list) == 0 {
			continue
		}
		var sources []data.Source
		for _, s := range set.list {
			sources = append(sources, data.Source{Path: s.Path, Separator: s.Separator})
		}
		packing := cmp.Or(data.Packing(r.Data.Packing), data.Concat)
		err := c.look(cmd, enc, tok, sources, r.Data.SeqLen, packing, func(shown previewSet, w *data.Windows) error {
			shown.Key = set.key
			out.Data = append(out.Data, shown)
			if set.key != "data.train" {
				return nil
			}
			out.Stages, err = drawn(r, w)
			return err
		})
		if err != nil {
			return out, fmt.Errorf("%s: %w", set.key, err)
		}
	}
	return out, nil
}

// drawn says how often each stage sees the training data.
func drawn(r *recipes.Recipe, w *data.Windows) (stages []previewStage, err error) {
	sampler, err := data.NewSampler(w, 0)
	if err != nil {
		return nil, err
	}
	for _, s := range r.Stages {
		n := s.Steps * s.BatchSize * s.GradAccumulation
		stages = append(stages, previewStage{s.Name, n, float64(n) / float64(sampler.Epoch())})
	}
	return stages, nil
}

func (c *previewCmd) files(cmd *cobra.Command, model string, files []string) (previewJSON, error) {
	out := previewJSON{Model: model}
	seqLen, packing := c.seqLen, cmp.Or(data.Packing(c.packing), data.Concat)
	switch {
	case len(c.sets) > 0:
		return out, usagef("--set is for a recipe")
	case packing != data.Concat && packing != data.Documents:
		return out, usagef("--packing is %q, want concat or documents", c.packing)
	case !cmd.Flags().Changed("seq"):
		seqLen = 256
	case seqLen < 1:
		return out, usagef("--seq is %d, want > 0", seqLen)
	}
	enc, tok, err := openTokenizer(cmd, model)
	if err != nil {
		return out, err
	}
	var sources []data.Source
	for _, path := range files {
		sources = append(sources, data.Source{Path: path, Separator: c.separator})
	}
	err = c.look(cmd, enc, tok, sources, seqLen, packing, func(shown previewSet, _ *data.Windows) error {
		shown.Key = "files"
		out.Data = append(out.Data, shown)
		return nil
	})
	return out, err
}

func openTokenizer(cmd *cobra.Command, model string) (data.Encoding, *tokenizer.Tokenizer, error) {
	dir, err := findTokenizer(cmd, model)
	if err != nil {
		return data.Encoding{}, nil, err
	}
	enc, tok, err := data.Open(dir)
	return enc, tok, invalid(err)
}

// look reads sources and tells what they are, while they are open.
func (c *previewCmd) look(cmd *cobra.Command, enc data.Encoding, tok *tokenizer.Tokenizer, sources []data.Source,
	seqLen int, packing data.Packing, tell func(previewSet, *data.Windows) error,
) (err error) {
	o := data.Options{Cache: data.CacheDir(), Notice: func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line) }}
	corpus, err := data.Load(enc, sources, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, corpus.Close()) }()
	w := corpus.Cut(seqLen, packing)
	shown := previewSet{
		Documents: corpus.Documents(), Tokens: corpus.Tokens(), Counted: corpus.Counted(),
		SeqLen: seqLen, Packing: packing, Windows: w.Len(), First: []previewWindow{},
	}
	for _, s := range sources {
		shown.Files = append(shown.Files, s.Path)
	}
	for i := range min(c.windows, w.Len()) {
		var tokens []previewToken
		stream := tok.Stream()
		for _, t := range w.Tokens(i) {
			text := stream.Next(t.ID)
			if name, ok := tok.Token(t.ID); ok && (text == "" || tok.IsSpecial(t.ID)) {
				text = name
			}
			tokens = append(tokens, previewToken{t.ID, text, t.Counted, t.Starts})
		}
		shown.First = append(shown.First, previewWindow{tokens})
	}
	return tell(shown, w)
}

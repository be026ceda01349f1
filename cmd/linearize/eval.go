package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func newEvalCmd() *cobra.Command {
	var c evalCmd
	cmd := &cobra.Command{
		Use:   "eval MODEL --ppl FILE",
		Short: "Measure how well a model predicts a text",
		Long: `Measure the loss of a model on a text, in nats per token.

The text is cut at the separator into documents, each encoded with the model's
tokenizer. Their ids are joined and cut into windows of --seq tokens; every window
starts without context and predicts as many tokens as it has. The standard error is
over windows. A .jsonl or .parquet file has rows of text, of prompt and completion,
or of messages; of the latter two only completions and the assistant's turns count.

With --against, the other model is measured on the same windows. A difference
within two of its standard errors is noise and begins with ~.`,
		Example: `  linearize eval runs/stories/final --ppl heldout.txt --separator '<|endoftext|>' --seq 256
  linearize eval runs/stories/final --ppl heldout.txt --against models/stories --json`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.text, "ppl", "", "`file` to predict: text, .jsonl or .parquet")
	f.StringVar(&c.separator, "separator", "", "`text` between two documents; without it the file is one document")
	f.IntVar(&c.seqLen, "seq", 256, "`tokens` of a window")
	f.IntVar(&c.batch, "batch", 8, "`windows` at once; affects memory and speed, never the result")
	f.StringVar(&c.against, "against", "", "`model` to compare with, usually the teacher")
	engineFlag(cmd, &c.engine)
	jsonFlag(cmd, &c.asJSON)
	return cmd
}

type evalCmd struct {
	text, separator string
	seqLen, batch   int
	against         string
	engine          string
	asJSON          bool
}

// evalJSON is a contract with scripts: docs/cli.md.
type evalJSON struct {
	Results    []evalResult    `json:"results"` // the model's, then the one of --against
	Difference *evalDifference `json:"difference,omitempty"`
}

type evalResult struct {
	Model        string  `json:"model"`
	NatsPerToken float64 `json:"nats_per_token"`
	StdErr       float64 `json:"stderr"`
	Tokens       int     `json:"tokens"`
}

type evalDifference struct {
	NatsPerToken float64 `json:"nats_per_token"` // the model's loss minus the other's
	StdErr       float64 `json:"stderr"`         // of the difference, window by window
	Noise        bool    `json:"noise"`          // it is within two standard errors
}

func (c *evalCmd) run(cmd *cobra.Command, dir string) error {
	switch {
	case c.text == "":
		return usagef("--ppl is missing: it names the text to measure on")
	case c.seqLen < 1:
		return usagef("--seq is %d, want > 0", c.seqLen)
	case c.batch < 1:
		return usagef("--batch is %d, want > 0", c.batch)
	}
	names := []string{dir}
	if c.against != "" {
		names = append(names, c.against)
	}
	dirs := make([]string, len(names))
	for i, name := range names {
		found, ref, err := findModel(cmd, name)
		if err != nil {
			return err
		}
		if dirs[i] = found; ref.Repo != "" {
			names[i] = ref.String()
		}
	}
	corpora, err := c.encode(cmd, dirs)
	defer func() {
		for _, x := range corpora {
			_ = x.Close() // it was only read
		}
	}()
	if err != nil {
		return err
	}
	var out evalJSON
	var results []eval.Result
	for i, dir := range dirs {
		r, err := c.measure(cmd, dir, corpora[i].Cut(c.seqLen, data.Concat))
		if err != nil {
			return err
		}
		results = append(results, r)
		out.Results = append(out.Results, evalResult{names[i], r.NatsPerToken, r.StdErr, r.Tokens})
	}
	if len(results) == 2 {
		d, err := results[0].Minus(results[1])
		if err != nil {
			return err
		}
		out.Difference = &evalDifference{d.Nats, d.StdErr, d.Noise()}
	}
	if c.asJSON {
		return printJSON(cmd, out)
	}
	return out.table().Write(cmd.OutOrStdout())
}

// encode gives each model the text in its own tokens. Losses per token compare only
// when these are the same. What it returns is to be closed, also with an error.
func (c *evalCmd) encode(cmd *cobra.Command, dirs []string) ([]*data.Corpus, error) {
	var corpora []*data.Corpus
	o := data.Options{Cache: data.CacheDir(), Notice: func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "linearize: "+line) }}
	for _, dir := range dirs {
		enc, _, err := data.Open(dir)
		if err != nil {
			return corpora, invalid(err)
		}
		corpus, err := data.Load(enc, []data.Source{{Path: c.text, Separator: c.separator}}, o)
		if err != nil {
			return corpora, err
		}
		corpora = append(corpora, corpus)
		if corpus.Cut(c.seqLen, data.Concat).Len() == 0 {
			return corpora, fmt.Errorf("%s has %d tokens, want more than --seq %d", c.text, corpus.Tokens(), c.seqLen)
		}
	}
	if len(corpora) == 2 && !corpora[0].Equal(corpora[1]) {
		return corpora, invalid(fmt.Errorf("%s and %s encode %s differently: their losses per token cannot be compared", dirs[0], dirs[1], c.text))
	}
	return corpora, nil
}

func (c *evalCmd) measure(cmd *cobra.Command, dir string, windows *data.Windows) (eval.Result, error) {
	m, err := loadModel(dir, c.engine)
	if err != nil {
		return eval.Result{}, err
	}
	defer m.Close()
	e, err := eval.New(m.backend, m.store, m.net, eval.Options{Batch: c.batch})
	if err != nil {
		return eval.Result{}, err
	}
	defer e.Finalize()
	bar := newProgress(cmd.ErrOrStderr(), "eval "+filepath.Base(dir), int64(windows.Len()))
	defer bar.Done()
	r, err := e.Perplexity(cmd.Context(), windows, func(done, _ int) { bar.Set(int64(done), "") })
	if err != nil && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("eval %s: %w", dir, err)
	}
	return r, err
}

func (out evalJSON) table() *ui.Table {
	columns := []string{"model", "nats/token", "±", "perplexity", "tokens"}
	if out.Difference != nil {
		columns = append(columns, "difference", "±")
	}
	t := ui.NewTable(columns...)
	for i, r := range out.Results {
		cells := []string{
			r.Model, fmt.Sprintf("%.4f", r.NatsPerToken), fmt.Sprintf("%.4f", r.StdErr),
			fmt.Sprintf("%.4g", math.Exp(r.NatsPerToken)), strconv.Itoa(r.Tokens),
		}
		if d := out.Difference; d != nil && i == 0 {
			mark := ""
			if d.Noise {
				mark = "~"
			}
			cells = append(cells, fmt.Sprintf("%s%+.4f", mark, d.NatsPerToken), fmt.Sprintf("%.4f", d.StdErr))
		}
		t.Row(cells...)
	}
	return t
}

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/generate"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

func newGenerateCmd() *cobra.Command {
	var c generateCmd
	cmd := &cobra.Command{
		Use:   "generate MODEL",
		Short: "Continue a text",
		Long: `Continue a prompt, token by token from the model's recurrent state, until the
model ends the text or --max-tokens are written.

The prompt is encoded as the model's tokenizer says, a first BOS included; that is
all there is of an empty one. Prints the prompt and its continuation. With --json,
"text" is the continuation alone and "ids" are its tokens, without the prompt's;
a token that ended the text is the last of them.

Equal seeds give equal texts.`,
		Example: `  linearize generate runs/stories/final --prompt 'Once upon a time'
  linearize generate runs/stories/final --prompt 'The dog' --temperature 0.8 --top-p 0.95 --seed 7`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.prompt, "prompt", "", "`text` to continue")
	f.IntVar(&c.options.MaxTokens, "max-tokens", 128, "`number` of tokens to write at most")
	f.Float64Var(&c.options.Sampling.Temperature, "temperature", 0, "what logits are divided by; 0 takes the most likely token each time")
	f.IntVar(&c.options.Sampling.TopK, "top-k", 0, "choose among the `K` most likely tokens; 0 among all")
	f.Float64Var(&c.options.Sampling.TopP, "top-p", 1, "choose among the fewest tokens whose probabilities reach `P`")
	f.Uint64Var(&c.options.Sampling.Seed, "seed", 0, "`seed` of the choices")
	engineFlag(cmd, &c.engine)
	jsonFlag(cmd, &c.asJSON)
	return cmd
}

type generateCmd struct {
	prompt  string
	options generate.Options
	engine  string
	asJSON  bool
}

func (c *generateCmd) check(cmd *cobra.Command) error {
	if c.options.MaxTokens < 1 {
		return usagef("--max-tokens is %d, want > 0", c.options.MaxTokens)
	}
	if err := c.options.Sampling.Check(); err != nil {
		return usagef("%w", err)
	}
	for _, name := range []string{"top-k", "top-p"} {
		if flag := cmd.Flag(name); c.options.Sampling.Temperature == 0 && flag.Value.String() != flag.DefValue {
			return usagef("--%s does nothing at temperature 0, which always takes the most likely token: set --temperature too", name)
		}
	}
	return nil
}

func (c *generateCmd) run(cmd *cobra.Command, dir string) error {
	if err := c.check(cmd); err != nil {
		return err
	}
	dir, _, err := findModel(cmd, dir)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return invalid(err)
	}
	prompt := tok.Encode(c.prompt)
	if len(prompt) == 0 {
		return usagef("--prompt is empty, and the tokenizer of %s adds no first token", dir)
	}
	m, err := loadModel(dir, c.engine)
	if err != nil {
		return err
	}
	defer m.Close()
	if id := slices.Max(prompt); id >= m.net.Model.Vocab {
		return fmt.Errorf("generate from %s: %w", dir, &eval.VocabError{ID: id, Vocab: m.net.Model.Vocab})
	}
	if c.options.Stop, err = generate.StopIDs(m.net.Model, dir); err != nil {
		return invalid(err)
	}
	g, err := generate.New(m.backend, m.store, m.net, false)
	if err != nil {
		return err
	}
	defer g.Finalize()
	if c.asJSON {
		out, err := g.Text(cmd.Context(), tok, c.prompt, c.options, nil)
		if err != nil {
			return err
		}
		noteLength(cmd.ErrOrStderr(), len(prompt)+len(out.IDs), m.net.Model.MaxPositions)
		return printJSON(cmd, out)
	}
	w := cmd.OutOrStdout()
	if _, err := io.WriteString(w, c.prompt); err != nil {
		return err
	}
	out, err := g.Text(cmd.Context(), tok, c.prompt, c.options, func(piece string) error {
		_, err := io.WriteString(w, piece)
		return err
	})
	_, werr := fmt.Fprintln(w)
	noteLength(cmd.ErrOrStderr(), len(prompt)+len(out.IDs), m.net.Model.MaxPositions)
	return errors.Join(err, werr)
}

// noteLength says when a text has outgrown what the model was made for. That is no
// error: to see how far a student with a state goes, one has to go there.
func noteLength(w io.Writer, tokens, positions int) {
	if positions > 0 && tokens > positions {
		fmt.Fprintf(w, "linearize: note: the text has %d tokens, and config.json says max_position_embeddings %d: what comes after may be poor\n",
			tokens, positions)
	}
}

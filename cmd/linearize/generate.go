package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/chat"
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

The prompt is encoded with the model's tokenizer, including the BOS that it puts
first; of an empty prompt only that is left. Prints the prompt and its continuation.
With --json, "text" is the continuation alone and "ids" are its tokens, without the
prompt's; the last of them may be the token that ended the text. "reason" says why it
ends: "stop" where the model ended it, "length" at --max-tokens, "context" where the
model has no learned position left.

With --chat the prompt is a question to an instruct model: the model's chat template
(chat_template.jinja, or chat_template in tokenizer_config.json) makes it the user's
turn, after --system, and only the answer is printed.

Equal seeds give equal texts.`,
		Example: `  linearize generate runs/stories/final --prompt 'Once upon a time'
  linearize generate runs/stories/final --prompt 'The dog' --temperature 0.8 --top-p 0.95 --seed 7
  linearize generate runs/instruct/final --chat --prompt 'What is a river?' --system 'Be brief.'`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.prompt, "prompt", "", "`text` to continue")
	f.BoolVar(&c.chat, "chat", false, "ask through the model's chat template and print only the answer")
	f.StringVar(&c.system, "system", "", "`text` of a system turn before the prompt; for --chat")
	f.IntVar(&c.options.MaxTokens, "max-tokens", 128, "largest `number` of tokens to write")
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
	chat    bool
	system  string
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
	if cmd.Flag("system").Changed && !c.chat {
		return usagef("--system does nothing without --chat: a text that is continued has no turns")
	}
	return nil
}

// encode returns the prompt's ids, and what of it is printed before the
// continuation. The text of a chat has its special tokens in it: none are added.
func (c *generateCmd) encode(cmd *cobra.Command, tok *tokenizer.Tokenizer, dir string) ([]int, string, error) {
	if !c.chat {
		ids := tok.Encode(c.prompt)
		if len(ids) == 0 {
			return nil, "", usagef("--prompt is empty, and the tokenizer of %s adds no first token", dir)
		}
		return ids, c.prompt, nil
	}
	template, err := chat.Load(dir)
	if err != nil {
		return nil, "", invalid(err)
	}
	var messages []chat.Message
	if cmd.Flag("system").Changed {
		messages = append(messages, chat.Message{Role: "system", Content: c.system})
	}
	text, err := template.Render(append(messages, chat.Message{Role: "user", Content: c.prompt}), true)
	if err != nil {
		return nil, "", err
	}
	ids := tok.EncodePlain(text)
	if len(ids) == 0 {
		return nil, "", fmt.Errorf("the chat template of %s writes nothing for a question", dir)
	}
	return ids, "", nil
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
	prompt, shown, err := c.encode(cmd, tok, dir)
	if err != nil {
		return err
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
		out, err := g.TextFrom(cmd.Context(), tok, prompt, c.options, nil)
		if err != nil {
			return err
		}
		noteLength(cmd.ErrOrStderr(), len(prompt)+len(out.IDs), out, m.net.Model)
		return printJSON(cmd, out)
	}
	w := cmd.OutOrStdout()
	if _, err := io.WriteString(w, shown); err != nil {
		return err
	}
	out, err := g.TextFrom(cmd.Context(), tok, prompt, c.options, func(piece string) error {
		_, err := io.WriteString(w, piece)
		return err
	})
	_, werr := fmt.Fprintln(w)
	noteLength(cmd.ErrOrStderr(), len(prompt)+len(out.IDs), out, m.net.Model)
	return errors.Join(err, werr)
}

// noteLength says when a text has outgrown what the model was made for, and when it ends
// for that. It is no error: to see how far a student with a state goes, one has to go there.
func noteLength(w io.Writer, tokens int, out generate.Continuation, m *arch.Model) {
	switch {
	case out.Reason == generate.Context:
		fmt.Fprintf(w, "linearize: note: the text ends at %d tokens: %s has positions for %d\n", tokens, m.PositionTable(), m.Positions)
	case m.MaxPositions > 0 && tokens > m.MaxPositions:
		fmt.Fprintf(w, "linearize: note: the text has %d tokens, and config.json says max_position_embeddings %d: what comes after may be poor\n",
			tokens, m.MaxPositions)
	}
}

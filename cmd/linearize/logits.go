package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

func newLogitsCmd() *cobra.Command {
	var c logitsCmd
	cmd := &cobra.Command{
		Use:   "logits MODEL (--ids FILE | --text TEXT) -o FILE",
		Short: "Write a model's logits, to compare with other runtimes",
		Long: `Compute the logits after every token and write them as safetensors: tensor "logits"
F32 [B, T, V], and the tensor "ids" I64 [B, T] that they belong to.

--ids names a safetensors file with a tensor "ids" [B, T] of integers. --text is
one sequence, encoded with the model's tokenizer, including the BOS that it puts first.

The logits come from the form that reads all tokens at once; with --step, from the
one that takes a token at a time and carries a state.`,
		Example: `  linearize logits models/stories --text 'Once upon a time' -o logits.safetensors
  linearize logits runs/stories/final --ids ids.safetensors --step -o steps.safetensors`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.ids, "ids", "", "safetensors `file` with the tokens")
	f.StringVar(&c.text, "text", "", "`text` to encode instead")
	f.StringVarP(&c.output, "output", "o", "", "`file` to write")
	f.BoolVar(&c.step, "step", false, "compute one token at a time")
	f.BoolVar(&c.overwrite, "overwrite", false, "replace a file that is there")
	engineFlag(cmd, &c.engine)
	return cmd
}

type logitsCmd struct {
	ids, text, output string
	step, overwrite   bool
	engine            string
}

func (c *logitsCmd) run(cmd *cobra.Command, dir string) error {
	if err := c.check(cmd); err != nil {
		return err
	}
	dir, _, err := findModel(cmd, dir)
	if err != nil {
		return err
	}
	ids, err := c.tokens(cmd, dir)
	if err != nil {
		return err
	}
	m, err := loadModel(dir, c.engine)
	if err != nil {
		return err
	}
	defer m.Close()
	vocab := m.net.Model.Vocab
	if err := c.checkIDs(ids, vocab); err != nil {
		return invalid(err)
	}
	d, err := infer.NewDecoder(infer.Model{Backend: m.backend, Store: m.store, Net: m.net})
	if err != nil {
		return err
	}
	defer d.Finalize()
	logits, err := c.compute(cmd, d, ids)
	if err != nil {
		return err
	}
	shape := []int{len(ids), len(ids[0]), vocab}
	err = checkpoints.WriteFile(c.output, []checkpoints.Source{
		{Name: "ids", DType: checkpoints.I64, Shape: shape[:2], Data: func() ([]byte, error) { return encodeIDs(ids), nil }},
		checkpoints.FromFloat32("logits", shape, logits, checkpoints.F32),
	}, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: logits F32 %v\n", c.output, shape)
	return err
}

// check refuses, before any work, what could not be computed or written.
func (c *logitsCmd) check(cmd *cobra.Command) error {
	hasIDs, hasText := cmd.Flags().Changed("ids"), cmd.Flags().Changed("text")
	switch {
	case hasIDs && hasText:
		return usagef("--ids and --text are both given, want one of them")
	case !hasIDs && !hasText:
		return usagef("neither --ids nor --text is given, want one of them")
	case c.output == "":
		return usagef("-o is missing: it names the file to write")
	}
	if info, err := os.Stat(c.output); err == nil && !info.Mode().IsRegular() {
		what := "a device" // or a pipe, which a rename would replace too
		if info.IsDir() {
			what = "a folder"
		}
		return invalid(fmt.Errorf("write %s: %s is there, want a file or nothing", c.output, what))
	}
	if _, err := os.Lstat(c.output); err == nil && !c.overwrite {
		return invalid(fmt.Errorf("write %s: the file exists: replace it with --overwrite", c.output))
	}
	if err := checkpoints.CheckFolder(filepath.Dir(c.output)); err != nil {
		return invalid(err)
	}
	if _, err := os.Stat(filepath.Dir(c.output)); err != nil {
		return err
	}
	if !hasIDs {
		return nil
	}
	in, err := fsx.Resolve(c.ids)
	if err != nil {
		return err
	}
	out, err := fsx.Resolve(c.output)
	if err != nil {
		return err
	}
	if in == out {
		return usagef("--ids and -o are the same file, %s", c.output)
	}
	return nil
}

// tokens returns the sequences, which are of one length.
func (c *logitsCmd) tokens(cmd *cobra.Command, dir string) ([][]int, error) {
	if !cmd.Flags().Changed("ids") {
		tok, err := tokenizer.Load(dir)
		if err != nil {
			return nil, invalid(err)
		}
		ids := tok.Encode(c.text)
		if len(ids) == 0 {
			return nil, usagef("--text has no tokens, and the tokenizer of %s adds no first one", dir)
		}
		return [][]int{ids}, nil
	}
	file, err := checkpoints.OpenFile(c.ids)
	if err != nil {
		return nil, invalid(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	tensor, err := file.Tensor("ids")
	if err != nil {
		return nil, invalid(err)
	}
	if len(tensor.Shape) != 2 || tensor.Elements() == 0 {
		return nil, invalid(fmt.Errorf("read %s: tensor ids: shape %v, want [B, T] of at least one token", c.ids, tensor.Shape))
	}
	flat, err := tensor.Int64()
	if err != nil {
		return nil, invalid(fmt.Errorf("read %s: %w", c.ids, err))
	}
	ids := make([][]int, tensor.Shape[0])
	for i, id := range flat {
		row := i / tensor.Shape[1]
		ids[row] = append(ids[row], int(id))
	}
	return ids, nil
}

func (c *logitsCmd) checkIDs(ids [][]int, vocab int) error {
	for b, row := range ids {
		for t, id := range row {
			switch {
			case id >= 0 && id < vocab:
			case c.ids == "":
				return fmt.Errorf("--text: %w", &eval.VocabError{ID: id, Vocab: vocab})
			default:
				return fmt.Errorf("%s: ids[%d,%d] is %d, want 0 to %d", c.ids, b, t, id, vocab-1)
			}
		}
	}
	return nil
}

func (c *logitsCmd) compute(cmd *cobra.Command, d *infer.Decoder, ids [][]int) ([]float32, error) {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	total := len(ids)
	if c.step {
		total = len(ids[0])
	}
	bar := newProgress(stderr, "logits", int64(total))
	defer bar.Done()
	told := func(done int) error {
		bar.Set(int64(done), "")
		return ctx.Err()
	}
	if c.step {
		return d.Steps(ids, told)
	}
	var all []float32
	for i, row := range ids { // one by one: memory is that of one sequence
		logits, err := d.Forward(row)
		if err := errors.Join(err, told(i+1)); err != nil {
			return nil, err
		}
		all = append(all, logits...)
	}
	return all, nil
}

func encodeIDs(ids [][]int) []byte {
	var out []byte
	for _, row := range ids {
		for _, id := range row {
			out = binary.LittleEndian.AppendUint64(out, uint64(id))
		}
	}
	return out
}

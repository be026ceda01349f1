package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// largest is what the binary may carry.
const largest = 4 << 20

// finish writes the trained model as the demo embeds it: bfloat16, a plain Llama,
// and a README.md that says where it comes from.
func (o *options) finish(stdout io.Writer) (err error) {
	folder, err := checkpoints.Open(o.final)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	c, err := config("bfloat16")
	if err != nil {
		return err
	}
	out := checkpoints.Output{Config: c, Overwrite: true, Files: map[string][]byte{}}
	parameters := 0
	for _, name := range folder.Names() {
		t, err := folder.Tensor(name)
		if err != nil {
			return err
		}
		data, err := t.Float32()
		if err != nil {
			return err
		}
		parameters += len(data)
		out.Tensors = append(out.Tensors, checkpoints.FromFloat32(name, t.Shape, data, checkpoints.BF16))
	}
	for _, name := range []string{tokenizer.FileName, "tokenizer_config.json", "generation_config.json"} {
		out.Copy = append(out.Copy, filepath.Join(o.final, name))
	}
	record, err := o.record()
	if err != nil {
		return err
	}
	out.Files["README.md"] = card(parameters, record)
	if err := checkpoints.Write(o.output, out); err != nil {
		return err
	}
	size, err := folderSize(o.output)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d parameters, %d bytes\n", o.output, parameters, size)
	if size > largest {
		return fmt.Errorf("%s has %d bytes, want at most %d", o.output, size, largest)
	}
	return nil
}

func folderSize(dir string) (size int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, err
}

// record is what the run wrote down about itself.
type record struct {
	source string // of the text
	recipe string
	evals  []evaluation
}

type evaluation struct {
	Stage  string  `json:"stage"`
	Step   int     `json:"step"`
	Nats   float64 `json:"nats_per_token"`
	StdErr float64 `json:"stderr"`
}

// provenance is what finish reads of a linearize.json: its own run's evaluations,
// and that of the folder the run started from.
type provenance struct {
	Evals  []evaluation `json:"evaluations"`
	Origin *provenance  `json:"origin"`
}

// evaluations lists those of all runs, the first run's first. A run begins by
// measuring what it was given, which its origin's last evaluation has said.
func (p provenance) evaluations() []evaluation {
	if p.Origin == nil {
		return p.Evals
	}
	return append(p.Origin.evaluations(), p.Evals[min(1, len(p.Evals)):]...)
}

func (o *options) record() (record, error) {
	var r record
	var saved provenance
	data, err := os.ReadFile(filepath.Join(o.final, "linearize.json"))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &saved); err != nil {
		return r, fmt.Errorf("%s: linearize.json: %w", o.final, err)
	}
	r.evals = saved.evaluations()
	if data, err = os.ReadFile(filepath.Join(o.work, sourceName)); err != nil {
		return r, err
	}
	r.source = strings.TrimSpace(string(data))
	for _, dir := range []string{filepath.Dir(o.final), o.final} { // a run folder, or what was brought home of one
		if data, err := os.ReadFile(filepath.Join(dir, recipeName)); err == nil {
			r.recipe = string(data)
			return r, nil
		}
	}
	return r, fmt.Errorf("%s: there is no %s in it or beside it", o.final, recipeName)
}

// card is README.md: what the model is and how to make it again.
func card(parameters int, r record) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("---\nlibrary_name: transformers\npipeline_tag: text-generation\nlicense: bsd-3-clause\n---\n")
	line("# The demo's teacher\n")
	line("A Llama of %d parameters that writes Go, or something that looks like it. `linearize demo` carries it.\n", parameters)
	line("It was trained from random weights on the source of the Go standard library (copyright 2009 The Go Authors,")
	line("BSD licence, https://go.dev/LICENSE), without tests, generated files and tables. `internal/demo/gosource` is the rule;")
	line("about one file in 32 is held out by the hash of its path. `go run ./internal/cmd/mkteacher` makes it again.\n")
	line("The text: %s.\n", r.source)
	line("| stage | step | held-out loss, nats per token | standard error |\n|---|---|---|---|")
	for _, e := range r.evals {
		line("| %s | %d | %.4f | %.4f |", e.Stage, e.Step, e.Nats, e.StdErr)
	}
	line("\nThe loss is that of the fp32 weights in windows of the recipe's `seq_len`. The recipe in full:\n")
	line("```yaml\n%s```", r.recipe)
	return []byte(b.String())
}

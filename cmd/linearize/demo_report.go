package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/generate"
	"github.com/seed-1411d8c0/linearize/internal/metrics"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// demoStages lists the stages with what each trains.
func demoStages(p *distill.Plan) string {
	var all []string
	for _, s := range p.Stages {
		all = append(all, fmt.Sprintf("%s (%s, %d steps)", s.Name, s.Train, s.Steps))
	}
	return strings.Join(all, ", ")
}

// demoLosses prints the held-out losses of teacher and students, a row for each
// stage, as the runs recorded them.
func demoLosses(w io.Writer, plans []*distill.Plan) error {
	type loss struct{ nats, gap float64 }
	after := map[string][]loss{} // by stage, one per student
	var teacher, stderr float64
	var tokens int64
	for i, p := range plans {
		events, err := readMetrics(p.Dir)
		if err != nil {
			return err
		}
		for _, e := range events {
			switch {
			case e.Event != "eval":
			case e.Model == "teacher":
				teacher, stderr, tokens = e.Nats, e.StdErr, e.Tokens
			default:
				if len(after[e.Stage]) == 0 {
					after[e.Stage] = make([]loss, len(plans))
				}
				after[e.Stage][i] = loss{e.Nats, e.Nats - teacher}
			}
		}
	}
	fmt.Fprintf(w, "\nLoss on %d held-out tokens, in nats per token; the teacher's is %.3f ± %.3f.\n\n", tokens, teacher, stderr)
	columns := []string{"student"}
	for _, s := range demoStudents {
		columns = append(columns, s.name, "over the teacher")
	}
	t := ui.NewTable(columns...)
	row := func(label, stage string) {
		cells := []string{label}
		for _, l := range after[stage] {
			cells = append(cells, fmt.Sprintf("%.3f", l.nats), fmt.Sprintf("%+.3f", l.gap))
		}
		t.Row(cells...)
	}
	row("as converted", "0-convert")
	for _, s := range plans[0].Stages {
		row("after "+s.Name, filepath.Base(s.Dir))
	}
	return t.Write(w)
}

func readMetrics(run string) ([]distill.Event, error) {
	path := filepath.Join(run, "metrics.jsonl")
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return metrics.Read(path, info.Size())
}

// demoPrompt is the beginning of a function that is not in the library. It ends
// before the line break, which the tokenizer joins to the indentation after it.
const demoPrompt = `// Len returns the number of bytes of the unread portion of the queue.
func (q *Queue) Len() int {`

// demoSampling keeps to likely words: a model this small loops when it always
// takes the likeliest.
var demoSampling = generate.Sampling{Temperature: 0.5, TopP: 0.9, Seed: 1}

// continuations lets teacher and students go on from one prompt.
func (c *demoCmd) continuations(cmd *cobra.Command, teacher string, finals []string) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "\nEach goes on from these lines, with temperature %g:\n\n%s", demoSampling.Temperature, indent(demoPrompt))
	for i, dir := range append([]string{teacher}, finals...) {
		name := "teacher"
		if i > 0 {
			name = demoStudents[i-1].name
		}
		text, err := c.continueText(cmd, dir)
		if err != nil {
			return fmt.Errorf("generate with %s: %w", dir, err)
		}
		fmt.Fprintf(w, "\n%s:\n\n%s", name, indent(text))
	}
	return nil
}

func (c *demoCmd) continueText(cmd *cobra.Command, dir string) (string, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return "", err
	}
	m, err := loadModel(dir, c.engine)
	if err != nil {
		return "", err
	}
	defer m.Close()
	stop, err := generate.StopIDs(m.net.Model, dir)
	if err != nil {
		return "", err
	}
	g, err := generate.New(m.backend, m.store, m.net, false)
	if err != nil {
		return "", err
	}
	defer g.Finalize()
	out, err := g.Text(cmd.Context(), tok, demoPrompt, generate.Options{MaxTokens: 96, Sampling: demoSampling, Stop: stop}, nil)
	return out.Text, err
}

// indent sets a text off from the words around it; tabs take four columns.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(strings.TrimLeft(text, "\n"), " \t\n") + "\n") {
		b.WriteString(strings.TrimRight("    "+strings.ReplaceAll(line, "\t", "    "), " \n") + "\n")
	}
	return b.String()
}

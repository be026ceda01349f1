package distill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

// converted is the label of the student before its first stage.
const converted = "0-convert"

// evalBatch is the number of windows measured at once: enough to fill two cores,
// little enough to stay below a training step's memory.
const evalBatch = 8

// start measures the teacher and the student as converted, unless that is in the
// record already.
func (s *session) start(ctx context.Context) error {
	if s.at.resumed() {
		if i := s.plan.next(s.at.Stage); i < len(s.plan.Stages) {
			fmt.Fprintf(s.env.Out, "resuming run %s at stage %s, step %d of %d; engine %s\n", s.plan.Dir,
				s.plan.Stages[i].label(), s.at.Step, s.plan.Stages[i].Steps, s.engineTitle())
		}
		return nil
	}
	m := s.plan.student
	fmt.Fprintf(s.env.Out, "run %s: %s, %d layers, %d of them linear; engine %s\n", s.plan.Dir, m.Family, m.Layers, linear(m), s.engineTitle())
	if s.held == nil {
		return nil
	}
	if err := s.loadModels(); err != nil {
		return err
	}
	if s.teacher != nil {
		if err := s.measure(ctx, "teacher", *s.teacher, Event{Stage: converted}); err != nil {
			return err
		}
	}
	return s.measure(ctx, "student", s.student, Event{Stage: converted})
}

// evaluate measures the student on the held-out text. A loss that is not a number
// is the training's fault: t finds the layer.
func (s *session) evaluate(ctx context.Context, stage string, step int, t *train.Trainer) error {
	if s.held == nil {
		return nil
	}
	err := s.measure(ctx, "student", s.student, Event{Stage: stage, Step: step})
	bad, ok := errors.AsType[*eval.NotFiniteError](err)
	if !ok {
		return err
	}
	if t == nil {
		return &DivergedError{stage, step, "the student's logits on held-out text"}
	}
	b := s.held.Batch(s.held.Start(bad.Window))
	where, err := t.Diagnose(train.Metrics{}, train.Batch{B: 1, T: s.held.SeqLen(), IDs: b.Inputs, Targets: b.Targets})
	return errors.Join(&DivergedError{stage, step, where}, err)
}

// measure evaluates a model on the held-out text, prints that and records it as e.
func (s *session) measure(ctx context.Context, name string, net nn.Net, e Event) error {
	// A new graph each time: adapters come and go with the stages.
	evaluator, err := eval.New(s.backend, s.store, net, eval.Options{Batch: evalBatch, Live: true})
	if err != nil {
		return err
	}
	defer evaluator.Finalize()
	result, err := evaluator.Perplexity(ctx, s.held, nil)
	if err != nil {
		return fmt.Errorf("evaluate the %s: %w", name, err)
	}
	e.Event, e.Model, e.Nats, e.StdErr, e.Tokens = "eval", name, result.NatsPerToken, result.StdErr, int64(result.Tokens)
	fmt.Fprintf(s.env.Out, "%s\n", s.sentence(e))
	if err := s.record(e); err != nil {
		return err
	}
	s.pictures.drawSoon()
	return nil
}

// sentence is an evaluation in words.
func (s *session) sentence(e Event) string {
	line := fmt.Sprintf("%s: teacher %.4f ± %.4f nats per token on %d held-out tokens", e.Stage, e.Nats, e.StdErr, e.Tokens)
	if e.Model == "student" {
		line = fmt.Sprintf("%s, step %d: student %.4f ± %.4f nats per token", e.Stage, e.Step, e.Nats, e.StdErr)
		if t, ok := s.teacherLoss(); ok {
			line += fmt.Sprintf(", %+.4f to the teacher", e.Nats-t)
		}
	}
	return line
}

// teacherLoss is the teacher's, if it was measured.
func (s *session) teacherLoss() (float64, bool) {
	for _, e := range s.evals {
		if e.Model == "teacher" {
			return e.Nats, true
		}
	}
	return 0, false
}

// announce prints what a stage trains before it starts.
func (s *session) announce(i, from int) error {
	stage := s.plan.Stages[i]
	fmt.Fprintf(s.env.Out, "\nstage %s: %s, %d steps of %d × %d tokens", stage.label(), stage.Kind, stage.Steps,
		stage.windows(), s.plan.Recipe.Data.SeqLen)
	if from > 0 {
		fmt.Fprintf(s.env.Out, ", from step %d", from)
	}
	fmt.Fprintln(s.env.Out)
	return stage.table().Write(s.env.Out)
}

// table shows what of the student the stage trains, and where that comes from.
func (s Stage) table() *ui.Table {
	t := ui.NewTable("group", "parameters", "", "learning rate", "initialised from")
	for _, g := range s.Groups {
		state, rate := "frozen", ""
		if g.Trained {
			state, rate = "trained", strconv.FormatFloat(g.Rate, 'g', 3, 64)
		}
		t.Row(g.Name, strconv.FormatInt(g.Parameters, 10), state, rate, g.From)
	}
	return t
}

// summary prints the last table: what each stage left.
func (s *session) summary() error {
	if s.held == nil {
		return nil
	}
	t := ui.NewTable("after", "nats per token", "± stderr", "to the teacher", "tokens/s")
	want, known := s.teacherLoss()
	last := map[string]int{}
	for i, e := range s.evals {
		if e.Model == "student" {
			last[e.Stage] = i
		}
	}
	for i, e := range s.evals {
		if e.Model == "student" && last[e.Stage] != i {
			continue // an evaluation within a stage
		}
		gap, speed := "", ""
		if known && e.Model == "student" {
			gap = fmt.Sprintf("%+.4f", e.Nats-want)
		}
		if v := s.speeds[e.Stage]; v > 0 && e.Model == "student" {
			speed = fmt.Sprintf("%.0f", v)
		}
		t.Row(after(e), fmt.Sprintf("%.4f", e.Nats), fmt.Sprintf("%.4f", e.StdErr), gap, speed)
	}
	_, err := fmt.Fprintln(s.env.Out)
	return errors.Join(err, t.Write(s.env.Out))
}

// Print writes what the plan would do, for --dry-run.
func (p *Plan) Print(out io.Writer) error {
	fmt.Fprintf(out, "run folder  %s\nteacher     %s\nstudent     %s\n", p.Dir, p.Teacher, p.Student)
	for _, s := range p.Stages {
		if s.Skipped != "" {
			fmt.Fprintf(out, "\nstage %s: %s, skipped: %s\n", s.label(), s.Kind, s.Skipped)
			continue
		}
		trained, all := s.Parameters()
		fmt.Fprintf(out, "\nstage %s: %s, %d steps, %d tokens, trains %d of %d parameters\n", s.label(), s.Kind, s.Steps, s.Tokens, trained, all)
		if s.layerwise() {
			fmt.Fprintf(out, "layer by layer: %s; hidden states take at most %s on the disk, in %s\n",
				arch.FormatLayers(s.Aligned), bytesize.Format(s.CacheBytes), filepath.Join(p.Dir, cacheName))
		}
		if s.TeacherLogits != nil {
			fmt.Fprintf(out, "the teacher's top %d logits take at most %s on the disk, in %s\n",
				s.TeacherLogits.TopK, bytesize.Format(p.topBytes(s)), filepath.Join(p.Dir, cacheName))
		}
		fmt.Fprintln(out, p.memoryLine(s.Memory))
		if err := s.table().Write(out); err != nil {
			return err
		}
	}
	return nil
}

// notice says what a run leaves out.
func (s *session) notice(line string) {
	if s.env.Notice != nil {
		s.env.Notice(line)
	}
}

func (s *session) progress(label string, total int64) Progress {
	if s.env.Progress == nil {
		return silent{}
	}
	return s.env.Progress(label, total)
}

type silent struct{}

func (silent) Set(int64, string) {}
func (silent) Done()             {}

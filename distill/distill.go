// Package distill trains a student to take its teacher's place, stage by stage.
//
//   - [NewPlan] turns a recipe into a [Plan]: what is converted, which tensors each
//     stage trains, how many tokens it sees. It reads headers and writes nothing.
//   - [Plan.Run] carries it out, in a run folder. Called again with the same recipe it
//     continues from the last save, with the bits that an uninterrupted run would have.
//     A stage that is not done, or is the last and has no adapters, may have been given
//     more steps by then.
//   - [ReadStatus] tells how far the run in a folder is.
//
// A run folder holds
//
//	recipe.yaml                    the recipe in full
//	linearize.json                 the version, the engine and the plan that started the run
//	metrics.jsonl                  one line per logged step, evaluation and save
//	metrics.csv                    the same as a table, where the recipe asks for it
//	events.out.tfevents.linearize  the same for TensorBoard, where the recipe asks for it
//	plots/loss.png, plots/loss.svg the same as a picture, made anew after evaluations, every few seconds at most, and at the end
//	run.pid                        the process at work in the folder, while there is one
//	state.safetensors              what the next start needs: weights, optimizer, place
//	stages/0-convert/              the student as converted
//	stages/1-mimic/step-0000150/   a complete model folder for each save; adapter/ in it, where the recipe asks for that
//	cache/teacher-top64-t1.bin     what stages with teacher_logits remember of the teacher; it may be removed
//	final/                         the last stage's last point
//
// # Stages
//
// align feeds every mixer with the teacher's hidden state and compares its output
// with the teacher's attention; distill and finetune run the student on its own.
// A stage starts from the last point of the one before it. A stage of new tensors
// is skipped, with a notice, where the student's mixers add none. Weights are
// trained as fp32 masters and rounded only when they are saved; low-rank adapters
// are merged when they are saved and when their stage ends.
//
// An alignment with execution: layerwise trains one layer after the other, from the
// teacher's hidden states on the disk, and ends with the same student. While it runs
// the folder also has
//
//	cache/1-mimic/                  the states before two layers and what a mixer made of them
//	layers/1-mimic/layer-0003.safetensors  what a layer has become, or is becoming
//
// # Limits
//
// Teacher, student and optimizer are in memory together, except in layerwise stages:
// there, one layer and its optimizer. Evaluations have both models in memory. On a file
// system without locks nothing keeps two processes out of one run folder, which a notice
// says, and [ReadStatus] takes a run at work for a stopped one.
package distill

import (
	"fmt"
	"io"
	"time"
)

// Env is what a run needs from its surroundings. Out and Clock have to be there.
type Env struct {
	Out      io.Writer                                // takes tables and results
	Clock    func() time.Time                         // [time.Now], except in tests
	Notice   func(line string)                        // is told what is left out or goes wrong beside the run; nil: nobody is
	Progress func(label string, total int64) Progress // begins to report on so many steps or windows; nil: nothing is reported
	Free     func(dir string) int64                   // bytes that the disk of a folder has left; nil: as the system says
	NoPlots  bool                                     // no pictures are drawn, which take longer than a tiny run
}

// Progress is told how far a stage is: Set with the steps that are done and a word about
// them, Done once at the end, however it came.
type Progress interface {
	Set(done int64, note string)
	Done()
}

// InterruptedError reports a run that was stopped after a complete save.
type InterruptedError struct{ Run, Stage, At string }

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("interrupted in stage %s; saved at %s", e.Stage, e.At)
}

// ExitCode is that of a program stopped by SIGINT.
func (*InterruptedError) ExitCode() int { return 130 }

// Hint says how to go on.
func (e *InterruptedError) Hint() string {
	return "the same command goes on from there (run folder " + e.Run + ")"
}

// DivergedError reports a loss or gradient that is not a number. The step that
// met it changed nothing, and the last save is whole.
type DivergedError struct {
	Stage string
	Step  int
	Where string // the first bad layer and what is wrong in it
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("stage %s, step %d: not finite: %s", e.Stage, e.Step, e.Where)
}

// ExitCode tells divergence from other failures.
func (*DivergedError) ExitCode() int { return 4 }

// Hint says what usually helps.
func (*DivergedError) Hint() string {
	return "a lower learning_rate, a longer warmup_steps or a smaller clip_norm; the last save is whole"
}

// refusal is an input that a run refuses before it writes anything.
type refusal struct{ error }

func (e *refusal) Unwrap() error { return e.error }

// ExitCode is that of invalid input.
func (*refusal) ExitCode() int { return 3 }

// Package convert makes a student folder out of a teacher folder.
//
// It goes in steps that can be looked at one by one:
//
//	Inspect   read the headers of a folder: what is there
//	classify  hold it against what the config asks for: what is missing or unknown
//	NewPlan   decide everything about the output: a [Plan] is plain data
//	Write     do what the plan says, one tensor at a time
//
// Call [NewPlan] and [Plan.Write] to convert, [Inspect] to look at any model folder.
// Whatever headers tell is refused by NewPlan, before anything is written. Write meets
// the values and refuses NaN and infinities; it leaves a whole folder or none.
//
// # Dtypes
//
// Inherited tensors keep theirs, bit for bit, unless [Options.DType] says otherwise.
// New ones take the dtype of the layer's q_proj.weight, except a few numbers per head
// that pass through exp, softplus or sigmoid, as A_log, dt_bias and window_factors:
// they stay F32.
//
// # Limits
//
// Only layers with the teacher's own attention can be converted. Memory: a few of the
// tensors that are not copied and a constant, [Plan].PeakMemory.
package convert

import (
	"fmt"
	"strings"
)

// ProblemsError reports everything that is wrong with a model folder.
type ProblemsError struct {
	Path     string
	Problems []string

	hint string
}

func (e *ProblemsError) Error() string {
	const shown = 20
	if len(e.Problems) == 1 {
		return fmt.Sprintf("model %s: %s", e.Path, e.Problems[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "model %s: %d problems", e.Path, len(e.Problems))
	for i, p := range e.Problems {
		if i == shown {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Problems)-shown)
			break
		}
		b.WriteString("\n  " + p)
	}
	return b.String()
}

// Hint says what to do about the problems, or where the whole list is.
func (e *ProblemsError) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return "`linearize inspect --json " + e.Path + "` lists them all"
}

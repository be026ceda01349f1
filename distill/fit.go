package distill

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// fitError reports a teacher and a student that are not of one make.
type fitError struct{ differences []string }

func (e *fitError) Error() string {
	return "teacher and student do not fit: " + strings.Join(e.differences, "; ")
}

// Hint says which student would.
func (*fitError) Hint() string {
	return "a student is converted from its teacher, and differs from it in the mixers of its layers alone"
}

// ExitCode is that of invalid input.
func (*fitError) ExitCode() int { return 3 }

// fit checks that a teacher can teach this student. They have one vocabulary, and layers
// that differ in their mixers alone: an alignment gives the student's mixers what the
// teacher's norms and positions make, and what else a layer does with it is to be the same
// when the student runs on its own. How far a model's positions were trained, and whether
// the head is the embedding, does not matter.
func fit(teacher, student *arch.Model) error {
	var e fitError
	compare := func(key string, teacher, student any) {
		if teacher != student {
			e.differences = append(e.differences, fmt.Sprintf("%s is %v and %v", key, teacher, student))
		}
	}
	compare("vocab_size", teacher.Vocab, student.Vocab)
	compare("hidden_size", teacher.Hidden, student.Hidden)
	compare("num_hidden_layers", teacher.Layers, student.Layers)
	compare("num_attention_heads", teacher.Heads, student.Heads)
	compare("num_key_value_heads", teacher.KVHeads, student.KVHeads)
	compare("head_dim", teacher.HeadDim, student.HeadDim)
	compare("intermediate_size", teacher.FFN, student.FFN)
	if teacher.Layers != student.Layers {
		return &e // there is no comparing layers
	}
	compareTraits(teacher, student, compare)
	for i := range teacher.Layers {
		a, b := teacher.At(i), student.At(i)
		if len(e.differences) == 0 && !a.Rope.Equal(b.Rope) {
			compare(fmt.Sprintf("rope of layer %d", i), fmt.Sprintf("%+v", a.Rope), fmt.Sprintf("%+v", b.Rope))
		}
		compare(fmt.Sprintf("the family's own mixer of layer %d", i), teacher.Native(i).String(), student.Native(i).String())
	}
	if len(e.differences) == 0 { // what has no word
		compare("bias", teacher.Bias, student.Bias)
		compare("block", teacher.Block, student.Block)
	}
	if len(e.differences) > 0 {
		return &e
	}
	return nil
}

// compareTraits compares what linearize inspect says of two models.
func compareTraits(teacher, student *arch.Model, compare func(key string, teacher, student any)) {
	const none = "nothing"
	others := map[string]string{}
	for _, x := range student.Traits() {
		others[x.Name] = x.Text
	}
	for _, x := range teacher.Traits() {
		compare(x.Name, x.Text, cmp.Or(others[x.Name], none))
		delete(others, x.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		compare(name, none, others[name])
	}
}

// checkSeqLen refuses windows of text that have more tokens than the model has positions
// for, and those that a mixer's softmax sees whole: its linear branch would have no part
// in them, and learn nothing.
func checkSeqLen(teacher, student *arch.Model, seqLen int) error {
	if err := errors.Join(teacher.CheckLength(seqLen), student.CheckLength(seqLen)); err != nil {
		return fmt.Errorf("data.seq_len: %w", err)
	}
	for i, x := range student.Mixers {
		if w := x.Window(); x.Excludes() && w >= seqLen {
			return fmt.Errorf("data.seq_len is %d, want more than the window of layer %d (%s): its linear branch would learn nothing", seqLen, i, x)
		}
	}
	return nil
}

package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
)

// Target says which tensors an alignment compares.
type Target int

const (
	// PreO compares the concatenated heads, as o_proj is given them.
	PreO Target = iota
	// PostO compares what o_proj makes of them, each model's own.
	PostO
)

// Aligned is one converted layer's pair of outputs, teacher-forced: both mixers
// were given the teacher's hidden state.
type Aligned struct {
	Layer            int
	Input            *Node // [B, T, E], what both mixers were given
	Student, Teacher *Node // [B, T, H·D] or [B, T, E]
}

// Align runs the teacher over ids and, in every layer that the student has
// converted, the student's mixer beside the teacher's. Layers do not influence
// each other: no gradient of one reaches another. The pass ends after the last
// converted layer.
func Align(teacher, student Net, ids *Node, target Target) []Aligned {
	turn := teacher.rotations(ids)
	last := lastConverted(student.Model)
	var pairs []Aligned
	x := teacher.embed(ids, nil)
	for i := 0; i <= last; i++ {
		h := teacher.norm(i, arch.BeforeAttention, x)
		want := teacher.mix(i, h, turn)
		if student.Model.Converted(i) {
			got := student.mix(i, h, turn)
			pairs = append(pairs, Aligned{i, h, student.compared(i, h, got, target), teacher.compared(i, h, want, target)})
		}
		if i < last {
			x = teacher.after(i, x, h, want)
		}
	}
	return pairs
}

func lastConverted(m *arch.Model) int {
	last := -1
	for i := range m.Mixers {
		if m.Converted(i) {
			last = i
		}
	}
	return last
}

// LogWeights is the logarithm of the attention weights of layer i given the input h of
// its mixer, as [mixers.Attending] has it: [H, B, T, T]. It panics where the mixer has
// none.
func (n Net) LogWeights(i int, h *Node) *Node {
	name := n.Model.Mixers[i].Name
	m, ok := mixers.For(name).(mixers.Attending)
	if !ok {
		exceptions.Panicf("layer %d: %s has no attention weights", i, name)
	}
	return m.LogWeights(n.layer(i, n.rotations(h)), h)
}

package nn

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Block runs the one layer of a model of [arch.Model.Single]: what its mixer gives, as
// an alignment to the target compares it, and the hidden state behind the block.
//
//	x      [B, T, E]               the hidden state before the block
//	mixed  [B, T, H·D] or [B, T, E]
//	next   [B, T, E]
func (n Net) Block(x *Node, target Target) (mixed, next *Node) {
	h := n.norm(0, arch.BeforeAttention, x)
	heads := n.mix(0, h, n.rotations(x))
	return n.compared(0, h, heads, target), n.after(0, x, h, heads)
}

// AlignLayer is [Align] for one layer, both models being of [arch.Model.Single]: the
// student's mixer beside what [Net.Block] of the teacher gave for the same x. Of the
// teacher it needs the norm before the mixer alone, and for [Net.LogWeights] its attention.
func AlignLayer(teacher, student Net, x, mixed *Node, target Target) Aligned {
	h := teacher.norm(0, arch.BeforeAttention, x)
	got := student.mix(0, h, student.rotations(x))
	return Aligned{Input: h, Student: student.compared(0, h, got, target), Teacher: mixed}
}

// Width is how many elements per token the output of a model's mixers has that an
// alignment to the target compares.
func (t Target) Width(m *arch.Model, layer int) int {
	if t == PostO {
		return m.Hidden
	}
	return m.At(layer).Queries()
}

// LoadLayer gives the parameters of a model of [arch.Model.Single] the values of layer
// i of m, those that want accepts (nil: all). Read is asked by the names that m has.
// A weight that is not a number is a [*NotFiniteError].
func (p *Params) LoadLayer(m *arch.Model, i int, want func(arch.Weight) bool, read func(name string) ([]float32, error)) error {
	own := m.Single(i).LayerWeights(0)
	for k, w := range m.LayerWeights(i) {
		if want != nil && !want(w) {
			continue
		}
		data, err := read(w.Name)
		if err != nil {
			return err
		}
		if bad := notFinite(i, w.Name, data); bad != nil {
			return bad
		}
		if err := p.Set(own[k].Name, w.Shape, data); err != nil {
			return err
		}
	}
	return nil
}

// Release gives back the memory of all values. The tensors stay declared, so that
// what was compiled for them serves the values that [Params.Set] gives them next.
func (p *Params) Release() error {
	for _, name := range p.names {
		if err := p.Variable(name).Reset(); err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
	}
	return nil
}

// Dimensions are a tensor's shape; nil where there is no such tensor.
func (p *Params) Dimensions(name string) []int {
	if v := p.Variable(name); v != nil {
		return v.Shape().Dimensions
	}
	return nil
}

// Package nn builds the graph of a model: the one block that all families and
// students share, around the mixers of its layers.
//
//	x += Wo·mixer(norm(x));  x += mlp(norm(x))
//
// [Net] is a model in a graph. [Net.Forward] runs many tokens at once,
// [Net.Step] one with carried state, [Align] the teacher with the student's
// mixers beside its own. Losses are in losses.go. [Params] holds the tensors.
//
// Functions that build graphs panic with an error when something does not fit;
// GoMLX's executors turn that into an error.
//
// Axes: B batch, T time, E hidden size, V vocabulary.
package nn

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Net is a model whose graph can be built: what it is, and where its tensors are.
type Net struct {
	Model   *arch.Model
	Weights ops.Weights
	Chunk   int // tokens per block of the chunked forms; 0 lets each mixer choose

	// Training builds what is trained where that differs from what runs: hedgehog's terrace.
	Training bool
	// Penalty, unless nil, is given the terms that the mixers want added to the loss.
	Penalty func(term *Node)
}

// Options of a forward pass.
type Options struct {
	KeepState bool // return the state after the last token
	Capacity  int  // tokens that the state of a softmax layer holds
	LastOnly  bool // the logits of the last position only, [B, 1, V]
}

// Forward computes the logits of every position, and the states after the last
// when asked for.
//
//	ids     [B, T]     int32
//	logits  [B, T, V]
func (n Net) Forward(ids *Node, o Options) (logits *Node, states []mixers.State) {
	x := n.embed(ids)
	rotation := ops.ConstRotation(ids.Graph(), n.Model.Rope, ids.Shape().Dim(1))
	for i := range n.Model.Layers {
		layer := n.layer(i, rotation)
		layer.KeepState, layer.Capacity = o.KeepState, o.Capacity
		heads, next := mixers.For(layer.Mixer.Name).Chunked(layer, n.attentionNorm(i, x), mixers.State{})
		states = append(states, next)
		x = n.after(i, x, heads)
	}
	if o.LastOnly {
		x = Slice(x, AxisRange(), AxisElem(-1), AxisRange())
	}
	return n.logits(x), states
}

// Magnitudes computes the sum of squares of the output of each block, and last
// of the logits: [layers + 1]. It is how a layer that overflows is found.
func (n Net) Magnitudes(ids *Node) *Node {
	x := n.embed(ids)
	rotation := ops.ConstRotation(ids.Graph(), n.Model.Rope, ids.Shape().Dim(1))
	var sums []*Node
	for i := range n.Model.Layers {
		x = n.after(i, x, n.mix(i, n.attentionNorm(i, x), rotation))
		sums = append(sums, ReduceAllSum(Square(x)))
	}
	return Stack(append(sums, ReduceAllSum(Square(n.logits(x)))), 0)
}

// Step computes the logits of one more token.
//
//	ids       [B, 1]     int32
//	cos, sin  [1, Dim/2] the rotary tables of the token's position
//	seen      int32 scalar, the number of tokens before this one
//	logits    [B, 1, V]
func (n Net) Step(ids *Node, rotation ops.Rotation, seen *Node, capacity int, states [][]*Node) (logits *Node, next [][]*Node) {
	x := n.embed(ids)
	for i := range n.Model.Layers {
		layer := n.layer(i, rotation)
		layer.Capacity = capacity
		from := mixers.State{Tensors: states[i], Seen: seen}
		heads, s := mixers.For(layer.Mixer.Name).Step(layer, n.attentionNorm(i, x), from)
		next = append(next, s.Tensors)
		x = n.after(i, x, heads)
	}
	return n.logits(x), next
}

// Target says which tensors an alignment compares.
type Target int

const (
	// PreO compares the concatenated heads, before o_proj.
	PreO Target = iota
	// PostO compares what o_proj makes of them, each model's own.
	PostO
)

// Aligned is one converted layer's pair of outputs, teacher-forced: both mixers
// were given the teacher's hidden state.
type Aligned struct {
	Layer            int
	Student, Teacher *Node // [B, T, H·D] or [B, T, E]
}

// Align runs the teacher over ids and, in every layer that the student has
// converted, the student's mixer beside the teacher's. Layers do not influence
// each other: no gradient of one reaches another. The pass ends after the last
// converted layer.
func Align(teacher, student Net, ids *Node, target Target) []Aligned {
	rotation := ops.ConstRotation(ids.Graph(), teacher.Model.Rope, ids.Shape().Dim(1))
	last := lastConverted(student.Model)
	var pairs []Aligned
	x := teacher.embed(ids)
	for i := 0; i <= last; i++ {
		h := teacher.attentionNorm(i, x)
		want := teacher.mix(i, h, rotation)
		if student.Model.Converted(i) {
			got := student.mix(i, h, rotation)
			pair := Aligned{Layer: i, Student: got, Teacher: want}
			if target == PostO {
				pair.Student, pair.Teacher = student.project(i, got), teacher.project(i, want)
			}
			pairs = append(pairs, pair)
		}
		if i < last {
			x = teacher.after(i, x, want)
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

func (n Net) layer(i int, rotation ops.Rotation) mixers.Layer {
	return mixers.Layer{
		Model: n.Model, Mixer: n.Model.Mixers[i], Prefix: n.Model.Attention(i),
		Weights: n.Weights, Rotation: rotation, Chunk: n.Chunk, Training: n.Training, Penalty: n.Penalty,
	}
}

func (n Net) mix(i int, h *Node, rotation ops.Rotation) *Node {
	heads, _ := mixers.For(n.Model.Mixers[i].Name).Chunked(n.layer(i, rotation), h, mixers.State{})
	return heads
}

// embed looks the ids up: [B, T] to [B, T, E].
func (n Net) embed(ids *Node) *Node {
	table := n.Weights.Weight(ids.Graph(), n.Model.Embedding())
	return Gather(table, InsertAxes(ConvertDType(ids, dtypes.Int32), -1))
}

func (n Net) attentionNorm(i int, x *Node) *Node {
	return ops.RMSNorm(x, n.Weights.Weight(x.Graph(), n.Model.AttentionNorm(i)), n.Model.NormEps)
}

func (n Net) project(i int, heads *Node) *Node {
	return ops.Linear(n.Weights, n.Model.Attention(i)+".o_proj", heads)
}

// after finishes a block: the residual of the mixer, then the gated MLP.
func (n Net) after(i int, x, heads *Node) *Node {
	x = Add(x, n.project(i, heads))
	h := ops.RMSNorm(x, n.Weights.Weight(x.Graph(), n.Model.MLPNorm(i)), n.Model.NormEps)
	gate, up, down := n.Model.MLP(i)
	h = Mul(ops.SiLU(ops.Linear(n.Weights, gate, h)), ops.Linear(n.Weights, up, h))
	return Add(x, ops.Linear(n.Weights, down, h))
}

func (n Net) logits(x *Node) *Node {
	g := x.Graph()
	x = ops.RMSNorm(x, n.Weights.Weight(g, n.Model.FinalNorm()), n.Model.NormEps)
	head := n.Model.Head()
	if n.Model.Tied {
		head = n.Model.Embedding()
	}
	return ops.Project(x, n.Weights.Weight(g, head))
}

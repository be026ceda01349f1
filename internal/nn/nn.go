// Package nn builds the graph of a model: the one block that all families and
// students share, with the switches of [arch.Block], around the mixers of its layers.
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
//
// # Limits
//
// All is computed in fp32, from fp32 weights. Ids are looked up as they are: no engine says
// when one is not of the vocabulary, so that the caller has to.
package nn

import (
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
	// NoWindow leaves the softmax windows of linear mixers out.
	NoWindow bool
	// Penalty, unless nil, is given the terms that the mixers want added to the loss.
	Penalty func(term *Node)
}

// Options of a forward pass.
type Options struct {
	KeepState bool // return the state after the last token
	Capacity  int  // tokens that the state of a softmax layer holds
	LastOnly  bool // the logits of the last position only, [B, 1, V]
	Start     Start
}

// Start is where in its sequence a call starts; the zero value: at its beginning.
type Start struct {
	Seen *Node // int32 scalar, the number of tokens before these
	// Rotations are those of the positions of the call, one for each of [arch.Model.Ropes].
	Rotations []ops.Rotation
	States    [][]*Node // of each layer after the tokens before; see [mixers.State]
}

// state is what a layer goes on from.
func (s Start) state(layer int) mixers.State {
	if s.States == nil {
		return mixers.State{}
	}
	return mixers.State{Tensors: s.States[layer], Seen: s.Seen}
}

// Forward computes the logits of every position, and the states of all layers after the
// last when asked for. A sequence may be cut anywhere: what one call leaves behind is
// the Start of the next.
//
//	ids     [B, T]     int32
//	logits  [B, T, V]
func (n Net) Forward(ids *Node, o Options) (logits *Node, states [][]*Node) {
	x, states := n.hidden(ids, o, mixers.Mixer.Chunked)
	if o.LastOnly {
		x = Slice(x, AxisRange(), AxisElem(-1), AxisRange())
	}
	return n.Logits(x), states
}

// Step is [Net.Forward] for one token, ids [B, 1], whose cost does not depend on how many
// came before.
func (n Net) Step(ids *Node, o Options) (logits *Node, states [][]*Node) {
	x, states := n.hidden(ids, o, mixers.Mixer.Step)
	return n.Logits(x), states
}

// Hidden computes what [Net.Logits] makes the logits of, [B, T, E].
func (n Net) Hidden(ids *Node) *Node {
	x, _ := n.hidden(ids, Options{}, mixers.Mixer.Chunked)
	return x
}

// form is one of the forms of [mixers.Mixer].
type form func(mixers.Mixer, mixers.Layer, *Node, mixers.State) (*Node, mixers.State)

// hidden runs all blocks, each mixer in the given form, from where o starts.
func (n Net) hidden(ids *Node, o Options, mix form) (x *Node, states [][]*Node) {
	x = n.embed(ids, o.Start.Seen)
	turn := n.turning(o.Start.Rotations)
	if o.Start.States == nil {
		turn = n.rotations(ids)
	}
	for i := range n.Model.Layers {
		layer := n.layer(i, turn)
		layer.KeepState, layer.Capacity = o.KeepState, o.Capacity
		h := n.norm(i, arch.BeforeAttention, x)
		heads, next := mix(mixers.For(layer.Mixer.Name), layer, h, o.Start.state(i))
		states = append(states, next.Tensors)
		x = n.after(i, x, h, heads)
	}
	return x, states
}

// Branches computes what the mixer of each layer adds to the hidden state, after its
// output projection and before the norms and factors behind it, [B, T, E] each: what
// is compared with other people's implementations.
func (n Net) Branches(ids *Node) []*Node {
	var branches []*Node
	n.blocks(ids, func(i int, h, heads, _ *Node) {
		branches = append(branches, n.project(i, h, heads))
	})
	return branches
}

// Magnitudes computes the sum of squares of the output of each block, and last
// of the logits: [layers + 1]. It is how a layer that overflows is found.
func (n Net) Magnitudes(ids *Node) *Node {
	var sums []*Node
	x := n.blocks(ids, func(_ int, _, _, out *Node) {
		sums = append(sums, ReduceAllSum(Square(out)))
	})
	return Stack(append(sums, ReduceAllSum(Square(n.Logits(x)))), 0)
}

// blocks runs all blocks and shows, of each, the input and the output of its mixer
// and what it leaves; it returns the last.
func (n Net) blocks(ids *Node, see func(i int, h, heads, out *Node)) *Node {
	x := n.embed(ids, nil)
	turn := n.rotations(ids)
	for i := range n.Model.Layers {
		h := n.norm(i, arch.BeforeAttention, x)
		heads := n.mix(i, h, turn)
		x = n.after(i, x, h, heads)
		see(i, h, heads, x)
	}
	return x
}

// turning gives each layer its rotation.
type turning func(layer int) ops.Rotation

// turning hands out the rotations of [arch.Model.Ropes].
func (n Net) turning(rotations []ops.Rotation) turning {
	_, of := n.Model.Ropes()
	return func(layer int) ops.Rotation {
		if of[layer] < 0 {
			return ops.Rotation{}
		}
		return rotations[of[layer]]
	}
}

// rotations are those of the first tokens of a sequence.
func (n Net) rotations(ids *Node) turning {
	var tables []ops.Rotation
	ropes, _ := n.Model.Ropes()
	for _, r := range ropes {
		tables = append(tables, ops.ConstRotation(ids.Graph(), r, ids.Shape().Dim(1)))
	}
	return n.turning(tables)
}

func (n Net) layer(i int, turn turning) mixers.Layer {
	mixer := n.Model.Mixers[i]
	if n.NoWindow {
		mixer, _ = mixer.Linear()
	}
	return mixers.Layer{
		Model: n.Model.At(i), Index: i, Mixer: mixer, Prefix: n.Model.Attention(i),
		Weights: n.Weights, Rotation: turn(i), Chunk: n.Chunk, Training: n.Training, Penalty: n.Penalty,
	}
}

func (n Net) mix(i int, h *Node, turn turning) *Node {
	heads, _ := mixers.For(n.Model.Mixers[i].Name).Chunked(n.layer(i, turn), h, mixers.State{})
	return heads
}

// norm is the norm at a site of layer i, or nothing where none stands.
func (n Net) norm(i int, s arch.Site, x *Node) *Node {
	module, ok := n.Model.NormAt(i, s)
	if !ok {
		return x
	}
	return ops.Norm(n.Weights, module, x, n.Model.Norm, n.Model.NormEps)
}

// gated is what o_proj is given of a mixer's heads; h is the mixer's input.
func (n Net) gated(i int, h, heads *Node) *Node {
	if !n.Model.At(i).OutputGate {
		return heads
	}
	return Mul(heads, Sigmoid(ops.Linear(n.Weights, n.Model.Attention(i)+"."+arch.GateProj, h)))
}

// project is what a mixer's heads become in the hidden state.
func (n Net) project(i int, h, heads *Node) *Node {
	return ops.Linear(n.Weights, n.Model.Attention(i)+".o_proj", n.gated(i, h, heads))
}

// compared is what an alignment to the target compares of a mixer's heads.
func (n Net) compared(i int, h, heads *Node, target Target) *Node {
	if target == PostO {
		return n.project(i, h, heads)
	}
	return n.gated(i, h, heads)
}

// after finishes a block whose mixer made heads of h: the two branches with the norms
// and factors behind them.
func (n Net) after(i int, x, h, heads *Node) *Node {
	y := Add(x, n.scaled(n.norm(i, arch.AfterAttention, n.project(i, h, heads))))
	switch _, own := n.Model.NormAt(i, arch.BeforeMLP); {
	case !n.Model.Parallel:
		h = n.norm(i, arch.BeforeMLP, y)
	case own:
		h = n.norm(i, arch.BeforeMLP, x)
	}
	return Add(y, n.scaled(n.norm(i, arch.AfterMLP, n.mlp(i, h))))
}

func (n Net) scaled(branch *Node) *Node {
	if s := n.Model.ResidualScale; s != 0 {
		return MulScalar(branch, s)
	}
	return branch
}

func (n Net) mlp(i int, h *Node) *Node {
	gate, up, down := n.Model.MLP(i)
	if n.Model.Ungated {
		return ops.Linear(n.Weights, down, ops.Activation(n.Model.Act, ops.Linear(n.Weights, up, h)))
	}
	h = Mul(ops.Activation(n.Model.Act, ops.Linear(n.Weights, gate, h)), ops.Linear(n.Weights, up, h))
	return ops.Linear(n.Weights, down, h)
}

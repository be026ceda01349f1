// Package mixers builds what stands in a layer's token-mixing place: softmax
// attention and the linear mixers that replace it, one file each.
//
// A mixer has three forms. The chunked form mixes many tokens at once and is
// what training and prefill use; the step form takes one token and a state and
// is what generation uses; the third, the oracle, is a plain float64 recurrence
// in internal/nn/oracle that shares no code with the other two. All agree, also
// in their gradients, and the tests of this package hold them to it.
//
// Axes: B batch, T time, H query heads, G key-value heads, D head dimension,
// E hidden size. Everything is computed in fp32, decays in log space.
//
// # Limits
//
// Rows of a batch are equally long, and no mask but the causal one is known: what is to be filled up
// is filled up at the end. A softmax layer without window holds [Layer].Capacity tokens; who calls
// counts them. Training with softmax over all keys takes memory with T².
//
// # Adding one
//
// A row in internal/arch/mixer_table.go says its options, tensors and state; a file
// here has its graph; a file in seeding says how its tensors start. See
// docs/adding-a-mixer.md.
package mixers

import (
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Mixer builds the graph of one kind of token mixing, up to but not including
// the output projection.
type Mixer interface {
	// Chunked mixes T tokens at once, any T >= 1.
	//
	//	x      [B, T, E]    the layer's input after its norm
	//	heads  [B, T, H·D]  before o_proj
	//
	// The state that follows the last token is returned when l.KeepState is set.
	Chunked(l Layer, x *Node, from State) (heads *Node, next State)

	// Step mixes one token, x [B, 1, E] to heads [B, 1, H·D], at a cost that does
	// not depend on how many came before (softmax: linear in l.Capacity).
	Step(l Layer, x *Node, from State) (heads *Node, next State)
}

// State is what a layer carries from token to token.
type State struct {
	// Tensors are those of arch.Mixer.State, in its order, fp32, each with a
	// leading batch axis. Nil at the start of a sequence; for Step, which always
	// needs them, zeros with Seen 0 are the start.
	Tensors []*Node
	// Seen is the number of tokens before this call, an int32 scalar. Nil means 0.
	Seen *Node
}

// Start reports whether the state is that of the start of a sequence.
func (s State) Start() bool { return s.Tensors == nil }

// seen is Seen as a node.
func (s State) seen(g *Graph) *Node {
	if s.Seen == nil {
		return ScalarZero(g, dtypes.Int32)
	}
	return s.Seen
}

// Layer is the place in which a mixer stands.
type Layer struct {
	Model   *arch.Model // as the layer sees it, of [arch.Model.At]
	Index   int         // which layer, from 0
	Mixer   arch.Mixer
	Prefix  string // of the layer's attention tensors, without a final dot
	Weights ops.Weights
	// Rotation has one row for each of the T tokens of the call.
	Rotation ops.Rotation
	// Chunk is the number of tokens that the chunked form handles as one block; 0 lets the mixer choose.
	Chunk int
	// KeepState asks Chunked for the state after the last token.
	KeepState bool
	// Training asks Chunked for the form that is trained, where a mixer has one that
	// differs from what it runs; for whole sequences, without KeepState.
	Training bool
	// Capacity is the number of tokens that a softmax layer's state holds; needed
	// with KeepState and for Step.
	Capacity int
	// Penalty, unless nil, takes a scalar that Chunked wants added to the loss, with
	// its weight in it: for mixers that balance a load.
	Penalty func(term *Node)
}

// Linear applies one of the layer's linear modules, as "q_proj".
func (l Layer) Linear(module string, x *Node) *Node {
	return ops.Linear(l.Weights, l.Prefix+"."+module, x)
}

// Tensor returns one of the layer's tensors, as "mixer.dt_bias".
func (l Layer) Tensor(g *Graph, name string) *Node {
	return l.Weights.Weight(g, l.Prefix+"."+name)
}

// Queries are the teacher's, [B, T, H·D]: projected, cut and normed as its attention
// does, not turned. Keys and Values are alike, [B, T, G·D].
func (l Layer) Queries(x *Node) *Node {
	q, _ := l.Model.QKNorms(l.Index)
	return ops.QKNorm(l.Weights, q, l.projected("q_proj", x), l.Model.QKNorm, l.Model.Heads, l.Model.NormEps)
}

// Keys are what [Layer.Queries] says.
func (l Layer) Keys(x *Node) *Node {
	_, k := l.Model.QKNorms(l.Index)
	return ops.QKNorm(l.Weights, k, l.projected("k_proj", x), l.Model.QKNorm, l.Model.KVHeads, l.Model.NormEps)
}

// Values are what [Layer.Queries] says.
func (l Layer) Values(x *Node) *Node { return l.projected("v_proj", x) }

func (l Layer) projected(module string, x *Node) *Node {
	y := l.Linear(module, x)
	if c := l.Model.ClipQKV; c > 0 {
		y = MaxScalar(MinScalar(y, c), -c)
	}
	return y
}

// Heads splits what the teacher projects: queries [B, H, T, D], keys and values
// [B, G, T, D], without positions.
func (l Layer) Heads(x *Node) (q, k, v *Node) {
	m := l.Model
	return ops.SplitHeads(l.Queries(x), m.Heads), ops.SplitHeads(l.Keys(x), m.KVHeads), ops.SplitHeads(l.Values(x), m.KVHeads)
}

// turned rotates queries and keys, with heads and batch in either order, to their
// positions, if the mixer's rope is on.
func (l Layer) turned(q, k *Node) (*Node, *Node) {
	if !l.Mixer.Bool("rope") {
		return q, k
	}
	return l.Rotation.Queries(q), l.Rotation.Apply(k)
}

// mixers is fixed at compile time: the whole list is readable in one place.
var mixers = map[string]Mixer{
	arch.Softmax:  softmax{},
	"delta":       linear(delta{}.mix),
	"gated-delta": linear(gatedDelta{}.mix),
	"rwkv7":       linear(rwkv7{}.mix),
	"gla":         linear(gla{}.mix),
	"hedgehog":    hedgehog{},
	"lightning":   linear(lightning{}.mix),
	"mamba2":      linear(mamba2{}.mix),
	"mom":         linear(mom{}.mix),
}

// For returns the graph builder of a mixer. It panics on a name without one,
// which arch.ParseMixer has refused before.
func For(name string) Mixer {
	m, ok := mixers[name]
	if !ok {
		exceptions.Panicf("mixers: no graph for %q, there are %v", name, Names())
	}
	return m
}

// Names lists the mixers that have a graph, sorted.
func Names() []string { return slices.Sorted(maps.Keys(mixers)) }

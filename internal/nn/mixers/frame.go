package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// The frame is what linear mixers share before and after their recurrence, each
// part a switch of internal/arch/frame.go that is off or on in the graph.

// l2Eps is added to the square of the length in qk_norm=l2. The other norms add the
// model's own eps: classes that hold such layers have one for all their norms.
const l2Eps = 1e-6

// framed are the inputs of a recurrence, heads first.
type framed struct {
	q    *Node // [H, B, T, D]
	k, v *Node // [G, B, T, D]
	conv []*Node

	projected *Node // [B, T, G·D], the teacher's keys before the frame
}

// inputs projects x to queries, keys and values and applies what the frame says:
// the convolution with its SiLU, the norm of queries and keys, and the rotation.
// past is the state of the convolution, nil at the start of a sequence; the
// next one is in conv, empty for a mixer that has none.
func (l Layer) inputs(x, past *Node) framed {
	m := l.Model
	q, k, v := l.Queries(x), l.Keys(x), l.Values(x)
	parts, conv := l.mixed(x, past, v, k, q)
	f := framed{
		v: headsFirst(parts[0], m.KVHeads), k: headsFirst(parts[1], m.KVHeads), q: headsFirst(parts[2], m.Heads),
		conv: conv, projected: k,
	}
	f.q, f.k = l.turned(l.normed("q", f.q), l.normed("k", f.k))
	return f
}

// mixed runs the parts, [B, T, ·] each, side by side through the convolution.
func (l Layer) mixed(x, past *Node, parts ...*Node) (out, conv []*Node) {
	width := l.Mixer.Int("conv")
	if width == 0 {
		return parts, nil
	}
	g := x.Graph()
	var bias *Node
	if l.Mixer.Bool("conv_bias") {
		bias = l.Tensor(g, "mixer.conv1d.bias")
	}
	c, next := convolve(Concatenate(parts, -1), past, l.Tensor(g, "mixer.conv1d.weight"), bias)
	if next != nil {
		conv = []*Node{next}
	}
	c = ops.SiLU(c)
	at := 0
	for _, p := range parts {
		n := p.Shape().Dim(2)
		out = append(out, ops.Span(c, 2, at, at+n))
		at += n
	}
	return out, conv
}

// normed applies qk_norm to queries or keys, [..., D].
func (l Layer) normed(which string, u *Node) *Node {
	switch l.Mixer.Text("qk_norm") {
	case arch.L2:
		return unit(u)
	case arch.RMS:
		return ops.RMSNorm(u, l.Tensor(u.Graph(), "mixer."+which+"_norm.weight"), l.Model.NormEps)
	}
	return u
}

// unit scales u, [..., D], to length 1.
func unit(u *Node) *Node {
	return Div(u, Sqrt(AddScalar(ReduceAndKeep(Square(u), ReduceSum, -1), l2Eps)))
}

// perQuery repeats keys or values, [G, ...], for the query heads that they serve.
func (l Layer) perQuery(u *Node) *Node { return scan.PerQuery(u, l.Model.Heads/l.Model.KVHeads) }

// outputs normalises and gates what the recurrence gave: o [H, B, T, D], of the
// layer's input x [B, T, E], to heads [B, T, H·D].
func (l Layer) outputs(x, o *Node) *Node {
	y, norm := headsLast(o), l.Mixer.Text("norm")
	if norm == arch.Before {
		y = l.outputNorm(y)
	}
	switch l.Mixer.Text("gate") {
	case arch.SiLU:
		y = Mul(y, ops.SiLU(l.gate(x)))
	case arch.Sigmoid:
		y = Mul(y, Sigmoid(l.gate(x)))
	}
	if norm == arch.After {
		y = l.outputNorm(y)
	}
	return y
}

func (l Layer) outputNorm(y *Node) *Node {
	weight := l.Tensor(y.Graph(), "mixer.norm.weight")
	if l.Mixer.Text("norm_width") == arch.Full {
		return ops.RMSNorm(y, weight, l.Model.NormEps)
	}
	b, t := y.Shape().Dim(0), y.Shape().Dim(1)
	heads := Reshape(y, b, t, l.Model.Heads, l.Model.HeadDim)
	return Reshape(ops.RMSNorm(heads, weight, l.Model.NormEps), b, t, -1)
}

// gate is the projection that the output is gated by, [B, T, H·D].
func (l Layer) gate(x *Node) *Node {
	if l.Mixer.Int("gate_rank") > 0 {
		return l.Linear("mixer.g_proj.1", l.Linear("mixer.g_proj.0", x))
	}
	return l.Linear("mixer.g_proj", x)
}

// finalState packs a recurrence's state for the next call: memory [H, B, ...] and
// what follows it in the mixer's row of arch.
func (l Layer) finalState(memory *Node, rest ...*Node) State {
	if !l.KeepState {
		return State{}
	}
	return State{Tensors: append([]*Node{scan.Swap(memory)}, rest...)}
}

// tensor is the i-th tensor of a carried state, nil where there is none.
func (s State) tensor(i int) *Node {
	if s.Start() || i >= len(s.Tensors) {
		return nil
	}
	return s.Tensors[i]
}

// memory is the carried state of the recurrence, heads first; nil at the start.
func (s State) memory() *Node {
	if s.Start() {
		return nil
	}
	return scan.Swap(s.Tensors[0])
}

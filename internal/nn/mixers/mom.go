package mixers

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// mom is Mixture-of-Memories: several states of the same recurrence, of which each
// token writes and reads a few. With u the layer's input and z_t = W_r·u_t,
//
//	K_t = the top_k largest of z_t, the first of equal ones
//	w_t = softmax of z_t over K_t, 0 elsewhere; 1 for the shared memory
//	S_m = what the inner mixer makes of the tokens with m in K_t; the others
//	      leave S_m as it is, without decay
//	y_t = Σ_m w_tm S_mᵀ q_t/√D
//
// The inner mixer is [gatedDelta] with a decay per head, or [gla] without softmax and
// with a gate from the input. All memories have the same projections, as fla's class
// with single_kv_proj: those of its default would be one more teacher's k_proj and
// v_proj for each. The convolution runs over the sequence before tokens are routed,
// where fla's sees each memory's tokens only, so that there is one state of it.
//
// In training the loss gets, for each layer, balance times
//
//	M Σ_m f_m P_m
//
// f_m being the share of tokens with m in K_t and P_m the mean of softmax(z_t)_m: top_k
// where all are alike. With top_k=1, where w is 1, nothing else teaches the router. Beside
// a loss of 1000 times an MSE the default balance is nothing, and tokens crowd into top_k
// of the memories; 1 keeps them spread there.
//
// State: memory [B, M, H, D(k), D(v)], the shared one last; conv as the frame has it.
//
// Cost: every memory runs over all tokens, those of others masked: M times, and once
// more for the shared one, the inner mixer's recurrence; its projections once.
//
// Source: Du et al. 2025, arXiv:2502.13685, as fla's MomAttention has it; the loss:
// Switch Transformers, Fedus et al. 2021, arXiv:2101.03961.
type mom struct{}

func (m mom) mix(l Layer, x *Node, from State, run recurrence) (*Node, State) {
	to := m.route(l, x)
	if weight := l.Mixer.Number("balance"); weight > 0 && l.Penalty != nil {
		l.Penalty(MulScalar(to.imbalance, weight))
	}
	in, conv := m.inputs(l, x, from, to)
	o, memory := run(in)
	return m.outputs(l, x, to, o, memory, conv)
}

// routes say which memories tokens go to.
type routes struct {
	chosen    *Node // [1, B, M, T, 1]: 1 or 0
	weights   *Node // [1, B, M, T, 1]
	imbalance *Node // scalar
}

func (mom) route(l Layer, x *Node) routes {
	logits := l.Linear("mixer.router", x) // [B, T, M]
	chosen := largest(logits, l.Mixer.Int("top_k"))
	forbidden := MulScalar(OneMinus(chosen), scan.Masked)
	weights := ops.SoftmaxRows(Add(logits, forbidden))

	share := ReduceMean(chosen, 0, 1)
	likely := ReduceMean(ops.SoftmaxRows(logits), 0, 1)
	imbalance := MulScalar(ReduceAllSum(Mul(share, likely)), float64(l.Mixer.Int("memories")))

	perMemory := func(u *Node) *Node {
		if l.Mixer.Bool("shared") {
			u = Concatenate([]*Node{u, OnesLike(ops.Span(u, 2, 0, 1))}, 2)
		}
		return InsertAxes(TransposeAllAxes(u, 0, 2, 1), 0, -1)
	}
	return routes{perMemory(chosen), perMemory(weights), imbalance}
}

// largest is 1 at the k largest of the last axis of z, [B, T, M], and 0 elsewhere: where
// at most k are larger or, being equal, not to the right, which counts each for itself.
func largest(z *Node, k int) *Node {
	z = StopGradient(z)
	self, other := InsertAxes(z, -1), InsertAxes(z, -2) // [B, T, M, 1] and [B, T, 1, M]
	notRight := ExpandLeftToRank(scan.Lower(z.Graph(), z.Shape().Dim(-1), 1, 0), 4)
	is := func(condition *Node) *Node { return ConvertDType(condition, dtypes.Float32) }
	place := ReduceSum(Add(is(GreaterThan(other, self)), Mul(is(Equal(other, self)), notRight)), -1)
	return is(LessOrEqual(place, ConstAs(place, k)))
}

// inputs are those of the inner mixer for each memory, which stand side by side in the
// batch axis: [H, B·M, T, ·].
func (m mom) inputs(l Layer, x *Node, from State, to routes) (in scan.Inputs, conv []*Node) {
	if !from.Start() {
		from.Tensors = slices.Clone(from.Tensors)
		from.Tensors[0] = beside(from.Tensors[0], 0)
	}
	l.Mixer = l.Mixer.Inner()
	if l.Mixer.Name == "gla" {
		var f framed
		f, in = gla{}.inputs(l, x, from)
		conv = f.conv
	} else {
		in, conv = gatedDelta{}.inputs(l, x, from)
	}
	each := func(u *Node) *Node { return m.each(u, to.chosen.Shape().Dim(2)) }
	masked := func(u *Node) *Node { return beside(Mul(InsertAxes(u, 2), to.chosen), 1) }
	in.Q, in.V, in.LogDecay = each(in.Q), each(in.V), masked(in.LogDecay)
	if in.Beta != nil {
		in.K, in.Beta = each(in.K), masked(in.Beta)
	} else {
		in.K = masked(in.K)
	}
	return in, conv
}

// each repeats u, [H, B, T, ·], for n memories: [H, B·n, T, ·].
func (mom) each(u *Node, n int) *Node {
	u = InsertAxes(u, 2)
	dims := slices.Clone(u.Shape().Dimensions)
	dims[2] = n
	return beside(BroadcastToDims(u, dims...), 1)
}

// beside joins an axis with the one after it.
func beside(u *Node, axis int) *Node {
	dims := u.Shape().Dimensions
	return Reshape(u, slices.Concat(dims[:axis], []int{dims[axis] * dims[axis+1]}, dims[axis+2:])...)
}

// outputs weighs what the memories gave, o [H, B·M, T, D] and memory [H, B·M, D, D].
func (mom) outputs(l Layer, x *Node, to routes, o, memory *Node, conv []*Node) (*Node, State) {
	b, n := x.Shape().Dim(0), to.weights.Shape().Dim(2)
	apart := func(u *Node, axis int) *Node {
		dims := u.Shape().Dimensions
		return Reshape(u, slices.Concat(dims[:axis], []int{b, n}, dims[axis+1:])...)
	}
	y := l.outputs(x, ReduceSum(Mul(apart(o, 1), to.weights), 2))
	next := l.finalState(memory, conv...)
	if l.KeepState {
		next.Tensors[0] = apart(next.Tensors[0], 0)
	}
	return y, next
}

package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// mamba2 is Mamba-2 in the parameterisation of mmMamba, which inherits all four
// projections of attention: values play x, keys B and queries C. Per head, with
// u the layer's input,
//
//	[v, k, q] = SiLU(conv([Wv·u, Wk·u, Wq·u]))
//	Δ_t       = ops.SoftPlus(W_Δ·u_t + b_Δ),   A = −exp(A_log)
//	S_t       = exp(Δ_t·A) S_{t−1} + Δ_t v_t k_tᵀ
//	y_t       = RMSNorm(S_t q_t) ⊙ SiLU(W_g·u_t)
//
// There are no positions, no 1/√D and no denominator. Without the convolution
// there is no SiLU either.
//
// State: memory S [B, H, D(v), D(k)]; conv [B, K−1, (2G+H)·D], the last inputs of
// the convolution, oldest first.
//
// Cost: O(T·(C+D)·D) per head with blocks of C tokens, and O((T/C)²·D²) between
// blocks (see scan.StatesAt). A step: O(D²).
//
// Source: Liao et al. 2025, arXiv:2502.13145 (layer); Dao & Gu 2024,
// arXiv:2405.21060 (block decomposition).
type mamba2 struct{}

var _ Mixer = mamba2{}

func (m mamba2) Chunked(l Layer, x *Node, from State) (*Node, State) {
	f := l.inputs(x, from.tensor(1))
	q, k, v, conv := f.q, l.perQuery(f.k), l.perQuery(f.v), f.conv
	delta, rate := m.steps(l, x)
	c := l.blocks(x.Shape().Dim(1), 0)

	// Tokens that fill up the last block have Δ = 0: they write nothing and decay nothing.
	q, k, delta = c.Cut(q), c.Cut(k), c.Cut(delta)
	v = Mul(c.Cut(v), InsertAxes(delta, -1))
	sum := scan.Cumulative(Mul(delta, scan.PerHead(rate, 4))) // [H, B, N, C]

	o := ops.AB(Mul(ops.ABt(q, k), scan.Decays(sum)), v)
	next := State{}
	if !from.Start() || c.Count > 1 || l.KeepState {
		before, after := m.carry(from, k, v, sum)
		o = Add(o, Mul(ops.ABt(q, before), InsertAxes(Exp(sum), -1)))
		if l.KeepState {
			next.Tensors = append([]*Node{scan.Swap(after)}, conv...)
		}
	}
	return l.outputs(x, c.Join(o)), next
}

// carry returns the state before each block, [H, B, N, D, D], and the one after
// the last, [H, B, D, D].
func (mamba2) carry(from State, k, v, sum *Node) (before, after *Node) {
	dims := v.Shape().Dimensions // [H, B, N, C, D]
	h, b, n, size, d := dims[0], dims[1], dims[2], dims[3], dims[4]
	first := Zeros(k.Graph(), ops.F32(h, b, d, d))
	if !from.Start() {
		first = scan.Swap(from.Tensors[0])
	}
	whole := ops.Span(sum, 3, size-1, size) // [H, B, N, 1]
	left := Exp(Sub(whole, sum))            // what is left of each token's write at the block's end
	all := scan.StatesAt(first, ops.AtB(Mul(v, InsertAxes(left, -1)), k), Reshape(whole, h, b, n))
	return ops.Span(all, 2, 0, n), Reshape(ops.Span(all, 2, n, n+1), h, b, d, d)
}

func (m mamba2) Step(l Layer, x *Node, from State) (*Node, State) {
	f := l.inputs(x, from.tensor(1))
	q, k, v, conv := f.q, l.perQuery(f.k), l.perQuery(f.v), f.conv
	delta, rate := m.steps(l, x) // [H, B, 1]
	keep := Exp(Mul(delta, scan.PerHead(rate, 3)))
	s := Add(
		Mul(scan.Swap(from.Tensors[0]), InsertAxes(keep, -1)),
		ops.AtB(Mul(v, InsertAxes(delta, -1)), k))
	return l.outputs(x, ops.ABt(q, s)), State{Tensors: append([]*Node{scan.Swap(s)}, conv...)}
}

// steps returns Δ [H, B, T] and A [H].
func (mamba2) steps(l Layer, x *Node) (delta, rate *Node) {
	g := x.Graph()
	pre := Add(l.Linear("mixer.dt_proj", x), ExpandLeftToRank(l.Tensor(g, "mixer.dt_bias"), 3))
	delta = TransposeAllAxes(ops.SoftPlus(pre), 2, 0, 1)
	if l.Mixer.Bool("learn_a") {
		return delta, Neg(Exp(l.Tensor(g, "mixer.A_log")))
	}
	return delta, MulScalar(Ones(g, ops.F32(l.Model.Heads)), -1)
}

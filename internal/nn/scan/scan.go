package scan

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Inputs is one linear recurrence over a state S [K, V], for each head and
// sequence. With α_t = exp(LogDecay_t), by rows of S, it is the first of these
// rules whose inputs are given:
//
//	general   S_t = Diag(α_t) S_{t−1} + b_t (a_tᵀ S_{t−1}) + k_t v_tᵀ                  Remove, Write
//	delta     S_t = Diag(α_t) S_{t−1} + β_t k_t (v_t − (Diag(α_t) S_{t−1})ᵀ k_t)ᵀ      Beta
//	additive  S_t = Diag(α_t) S_{t−1} + k_t v_tᵀ
//
// and o_t = S_tᵀ q_t for all of them: a query sees its own token. Nothing is
// scaled or normalised here.
type Inputs struct {
	Q, K *Node // [H, B, T, K]
	V    *Node // [H, B, T, V]

	// LogDecay is log α, at most 0, as [H, B, T, 1] for the whole state or
	// [H, B, T, K] for each of its rows. Nil: nothing decays.
	LogDecay *Node
	Beta     *Node // β [H, B, T, 1]

	Remove, Write *Node // a and b, [H, B, T, K]

	First *Node // the state before the first token, [H, B, K, V]; nil: zeros
}

// Chunked runs T tokens in blocks of size, any T >= 1: o [H, B, T, V], and when
// keep is set the state after the last token, [H, B, K, V].
func (in Inputs) Chunked(size int, keep bool) (o, after *Node) {
	switch {
	case in.Remove != nil:
		return in.general(size, keep)
	case in.Beta != nil:
		return in.delta(size, keep)
	}
	return in.additive(size, keep)
}

// Step runs one token, T = 1: o [H, B, 1, V] and the state after it, [H, B, K, V], in
// O(K·V) per head.
func (in Inputs) Step() (o, after *Node) {
	s := in.first()
	kept := s
	if in.LogDecay != nil {
		kept = Mul(s, Exp(Transpose(in.LogDecay, -2, -1)))
	}
	v := in.V
	switch {
	case in.Remove != nil:
		kept = Add(kept, ops.AtB(in.Write, ops.AB(in.Remove, s)))
	case in.Beta != nil:
		v = Mul(Sub(v, ops.AB(in.K, kept)), in.Beta)
	}
	after = Add(kept, ops.AtB(in.K, v))
	return ops.AB(in.Q, after), after
}

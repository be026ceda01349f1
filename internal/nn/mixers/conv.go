package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// convolve is a causal depthwise convolution over time, written as K shifted
// products since the engine's own has no gradient with one-sided padding:
//
//	y_t = b + Σ_i w_i ⊙ c_{t−K+1+i}
//
//	c       [B, T, C]
//	past    [B, K−1, C]  the inputs before the first, oldest first; nil: zeros
//	weight  [C, 1, K]    the last tap meets the current input
//	bias    [C]          nil: none
//	y       [B, T, C]
//
// next is past for the token after the last one, nil when K is 1.
func convolve(c, past, weight, bias *Node) (y, next *Node) {
	b, t, channels, width := c.Shape().Dim(0), c.Shape().Dim(1), c.Shape().Dim(2), weight.Shape().Dim(2)
	wide := c
	if width > 1 {
		if past == nil {
			past = Zeros(c.Graph(), ops.F32(b, width-1, channels))
		}
		wide = Concatenate([]*Node{past, c}, 1)
		next = ops.Span(wide, 1, t, t+width-1)
	}
	for i := range width {
		tap := Reshape(ops.Span(weight, 2, i, i+1), 1, 1, channels)
		part := Mul(ops.Span(wide, 1, i, i+t), tap)
		if y == nil {
			y = part
		} else {
			y = Add(y, part)
		}
	}
	if bias != nil {
		y = Add(y, ExpandLeftToRank(bias, 3))
	}
	return y, next
}

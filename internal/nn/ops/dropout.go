package ops

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Dropout sets each element of x to 0 with probability rate and divides the others by
// 1 − rate, so that the mean stays. The mask is a function of the key, the salt and the
// element's place, by integer arithmetic alone: it has no state, a run that goes on
// from a save draws what an uninterrupted one would, and all engines draw alike.
//
//	x     [...]  fewer than 2³² elements
//	key   [2]    uint32; other values give another mask
//	salt         fixed when the graph is built; tells the masks of one graph apart
//
// The hash is one round of Wellons' lowbias32 with the key mixed in between.
func Dropout(x *Node, rate float64, key *Node, salt uint64) *Node {
	g := x.Graph()
	salt = mix(salt)
	word := func(i int, salt uint32) *Node {
		return BitwiseXor(Reshape(Slice(key, AxisElem(i))), Scalar(g, dtypes.Uint32, salt))
	}
	h := Iota(g, shapes.Make(dtypes.Uint32, x.Shape().Size()), 0)
	h = BitwiseXor(h, word(0, uint32(salt)))
	h = Mul(h, Scalar(g, dtypes.Uint32, uint32(0x7feb352d)))
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(15)))
	h = Add(h, word(1, uint32(salt>>32)))
	h = Mul(h, Scalar(g, dtypes.Uint32, uint32(0x846ca68b)))
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(16)))
	kept := GreaterOrEqual(h, Scalar(g, dtypes.Uint32, uint32(rate*(1<<32))))
	mask := MulScalar(ConvertDType(kept, x.DType()), 1/(1-rate))
	return Mul(x, StopGradient(Reshape(mask, x.Shape().Dimensions...)))
}

// DropoutKey is the key of a draw's masks: a number for each step, and for each part
// of one.
func DropoutKey(step, part int) []uint32 {
	k := mix(mix(uint64(step)) ^ uint64(part)*0x9e3779b97f4a7c15)
	return []uint32{uint32(k), uint32(k >> 32)}
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

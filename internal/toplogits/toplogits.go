// Package toplogits keeps the most likely next tokens of a teacher on disk: of each
// token of a window of text the K highest log-probabilities, and that of all other
// tokens together.
//
//   - [Window.Select] takes them from a row of logits.
//   - [Open] opens or makes a [File]. Windows of an epoch are written in any order, one
//     behind the other, and read when they are needed again.
//
// Each window has its number and a checksum beside it: what a kill or a power cut left
// half written is as if it were not there, and is made again.
//
// # Limits
//
// The K+1 numbers stand in for the whole distribution, and do not tell the tokens outside
// of the K apart: their divergence is at most that over all V numbers; the difference is
// what the student gets wrong among those tokens, and no gradient says so. Their share as a
// whole is kept, so that the K are not made too likely.
//
// One process at a time. 8·K + 4 bytes per token that was read.
package toplogits

import (
	"math"
	"slices"
)

// Window is what is kept of one window of T tokens.
type Window struct {
	IDs []int32   // [T, K], most likely first
	Log []float32 // [T, K+1], log p of each, and last of all others together
}

// least bounds log p of what is left, where the K have all of the probability.
const least = -100

// Select appends a token's K most likely tokens to w, of its logits over the
// vocabulary divided by the temperature. Of equal ones the lower id comes first.
// Sums are in float64.
func (w *Window) Select(logits []float32, k int, temperature float64) {
	top := make([]int32, 0, k+1)
	for id, x := range logits {
		if len(top) == k && x <= logits[top[k-1]] {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, x, func(i int32, x float32) int {
			if logits[i] >= x { // those before stay before
				return -1
			}
			return 1
		})
		top = slices.Insert(top, at, int32(id))
		top = top[:min(len(top), k)]
	}
	scaled := func(x float32) float64 { return float64(x) / temperature }
	most := scaled(logits[top[0]])
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(scaled(x) - most)
	}
	kept := 0.0
	for _, id := range top {
		kept += math.Exp(scaled(logits[id]) - most)
		w.Log = append(w.Log, float32(scaled(logits[id])-most-math.Log(sum)))
	}
	w.IDs = append(w.IDs, top...)
	w.Log = append(w.Log, float32(math.Max(math.Log((sum-kept)/sum), least)))
}

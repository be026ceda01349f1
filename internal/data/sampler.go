package data

import (
	"fmt"
	"math/bits"
)

// Sampler draws training windows. What it draws is a function of its fields and
// the step alone, so a resumed run needs nothing but its step, and the order does
// not depend on how often it was asked.
//
// An epoch visits every window once, in an order of its own. Its windows are cut
// from an offset of its own in [0, seqLen): the second time, the model sees the
// same text at other positions. Where not every token counts, or every document has
// windows of its own, they are those of [Windows] each time.
type Sampler struct {
	seed    uint64
	seqLen  int
	windows int   // of one epoch, the same for every offset
	offsets int   // how many offsets leave room for that many windows
	starts  []int // of the windows, where they are not every seqLen tokens
	oneCut  bool
}

// OneCut returns a sampler whose epochs all have the windows of the first, each in an
// order of its own: what was computed of a window serves when it comes again.
func (s Sampler) OneCut() Sampler {
	s.oneCut = true
	return s
}

// NewSampler samples windows for training. Stages that should not see the same
// windows in the same order need seeds of their own.
func NewSampler(w *Windows, seed uint64) (Sampler, error) {
	tokens, seqLen := w.corpus.Tokens(), w.seqLen
	if w.Len() == 0 {
		return Sampler{}, fmt.Errorf("sample windows: got %d tokens, want more than seq_len %d", tokens, seqLen)
	}
	if w.starts != nil {
		return Sampler{seed: seed, seqLen: seqLen, windows: len(w.starts), offsets: 1, starts: w.starts}, nil
	}
	// The largest offset costs seqLen-1 tokens and the last target one more.
	windows := max(1, (tokens-seqLen)/seqLen)
	slack := tokens - 1 - windows*seqLen
	return Sampler{seed: seed, seqLen: seqLen, windows: windows, offsets: min(seqLen, slack+1)}, nil
}

// Epoch is the number of windows that are drawn before one comes again.
func (s Sampler) Epoch() int { return s.windows }

// Starts returns the first tokens of the windows of one optimizer step, step
// counting from 0, for [Windows.Batch].
func (s Sampler) Starts(step, batchSize int) []int {
	starts := make([]int, batchSize)
	for i := range starts {
		drawn := step*batchSize + i
		epoch, k := uint64(drawn/s.windows), drawn%s.windows
		key := mix(s.seed ^ mix(epoch+1))
		cut := key
		if s.oneCut {
			cut = mix(s.seed ^ mix(1)) // the first epoch's
		}
		offset := int(mix(cut) % uint64(s.offsets))
		window := int(permute(uint64(k), uint64(s.windows), key))
		if starts[i] = offset + s.seqLen*window; s.starts != nil {
			starts[i] = s.starts[window]
		}
	}
	return starts
}

// permute maps k in [0, n) to [0, n), one to one, by a balanced Feistel network on
// the next even number of bits, applied until the result is below n: fewer than
// four times on average. No table of the permutation is kept.
//
// Source: Black and Rogaway 2002, "Ciphers with arbitrary finite domains", §3 and §4.
func permute(k, n, key uint64) uint64 {
	half := (bits.Len64(n-1) + 1) / 2
	mask := uint64(1)<<half - 1
	for {
		left, right := k>>half, k&mask
		for round := range uint64(6) {
			left, right = right, left^mix(key^right<<8^round)&mask
		}
		if k = left<<half | right; k < n {
			return k
		}
	}
}

// mix is the output function of SplitMix64: a bijection of 64 bits in which every
// input bit flips about half of the output bits.
//
// Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

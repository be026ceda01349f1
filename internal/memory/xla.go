package memory

import (
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// xlaMixer is what XLA needs for a mixer.
type xlaMixer struct {
	mixerArrays
	beside float64 // how much of what a layer keeps waits while another one is aligned
	atOnce float64 // how much of it each layer has on CUDA, where all are aligned together
	code   int64   // MiB: to compile what takes most, however many layers have it
}

// xlaMixers is keyed as keptByMixer is. Fitted to what XLA says itself of the temporary
// memory of a step, T = 512, one to four rows, heads of 64, one to eight of them; atOnce of
// softmax is a guess.
var xlaMixers = map[string]xlaMixer{
	"softmax":             {mixerArrays{3, 2}, 0, 0.7, 35},
	"delta":               {mixerArrays{27, 8}, 0.5, 0.7, 185},
	"gated-delta":         {mixerArrays{35, 8}, 0.3, 0.7, 210},
	"gated-delta channel": {mixerArrays{47, 12}, 0.3, 0.7, 410},
	"gla":                 {mixerArrays{20, 8}, 0, 0.7, 260},
	"hedgehog":            {mixerArrays{27, 0}, 0, 0.7, 45},
	"lightning":           {mixerArrays{21, 7}, 0, 0.4, 165},
	"mamba2":              {mixerArrays{27, 6}, 0, 0.5, 160},
	"mom":                 {mixerArrays{24, 0}, 0, 0.9, 300}, // of each memory
	"rwkv7":               {mixerArrays{67, 0}, 0.6, 0.8, 370},
}

// What XLA keeps for the backward pass, as the constants of kept.go for engine go.
const (
	xlaHidden  = 8.0
	xlaFFN     = 3.0
	xlaFrozenH = 3.0 // both where the MLP's weights have no gradient
	xlaFrozenF = 1.0
	xlaWindow  = 6.4
	xlaScores  = 1.7
	xlaPairs   = 5.0
	xlaBoth    = 0.3 // of the smaller of outputs and attention weights, where both are aligned
	xlaLogits  = 3.0 // of an evaluation
	xlaText    = 2.9 // of a step, against the text
	xlaTeacher = 3.0 // and more of them against a teacher
	xlaPlaces  = 2.5 // for arrays, in what a step gives of a trained tensor and its moments
)

// arrays are so many arrays of one size.
type arrays struct {
	count float64
	size  int64
}

func bytesOf(list []arrays) int64 {
	n := 0.0
	for _, a := range list {
		n += a.count * float64(a.size)
	}
	return int64(n)
}

// given is what a step gives: all that is trained and its optimizer, anew. What a step
// replaces is there until it is over: go-xla does not say that it may be overwritten.
func (s Stage) given() int64 { return s.optimizer(s.Trained) + s.gradients(s.Trained) }

// trains reports whether the stage trains a tensor of so many elements at least.
func (s Stage) trains(rows, columns int) bool {
	return slices.ContainsFunc(s.Trained, func(x int64) bool { return x >= int64(rows)*int64(columns) })
}

// xlaStep is what a step needs on the way.
func (s Stage) xlaStep() int64 {
	var work []arrays
	if s.Loss.Align {
		work = s.xlaAligned(s.convertedLayers())
	} else {
		for i := s.First; i < s.Student.Layers; i++ {
			work = append(work, s.xlaKept(i)...)
		}
		work = append(work, s.xlaLogitsOf()...)
	}
	left := float64(unplaced(work, s.Trained))
	if s.Engine == CUDA && !s.Loss.Align {
		left *= cudaKept
	}
	return max(int64(left), s.teacherPassing())
}

// unplaced is what of arrays finds no place in what a step gives, which is empty until the
// gradients are known.
func unplaced(work []arrays, trained []int64) int64 {
	slices.SortFunc(work, func(a, b arrays) int { return int(b.size - a.size) })
	used, left := 0.0, bytesOf(work)
	for _, a := range work {
		places := -used
		for _, x := range trained {
			if 4*x >= a.size {
				places += xlaPlaces
			}
		}
		n := max(0, min(a.count, places))
		used, left = used+n, left-int64(n*float64(a.size))
	}
	return left
}

func (s Stage) convertedLayers() []int {
	var list []int
	for i := range s.Student.Layers {
		if s.Student.Converted(i) {
			list = append(list, i)
		}
	}
	return list
}

// xlaKept is what layer i keeps.
func (s Stage) xlaKept(i int) []arrays {
	m, hidden, ffn := s.Student, xlaHidden, xlaFFN
	if !s.trains(m.Hidden, m.FFN) {
		hidden, ffn = xlaFrozenH, xlaFrozenF
	}
	return append(s.xlaMixer(i),
		arrays{hidden, fp32(s.Batch, s.Tokens, m.Hidden)},
		arrays{ffn, fp32(s.Batch, s.Tokens, m.FFN)})
}

// xlaMixer is what the mixer of layer i keeps.
func (s Stage) xlaMixer(i int) []arrays {
	layer, x := s.Student.At(i), s.Student.Mixers[i]
	per, times := xlaMixers[keyOf(x)], 1.0
	if x.Name == "mom" {
		times = float64(x.Memories())
	}
	list := []arrays{
		{times * per.queries, fp32(s.Batch, s.Tokens, layer.Heads*layer.HeadDim)},
		{times * per.keys, fp32(s.Batch, s.Tokens, layer.KVHeads*layer.HeadDim)},
	}
	if w := x.Window(); w > 0 && w < s.Tokens {
		list = append(list, arrays{xlaWindow, fp32(s.Batch, s.Tokens, layer.Heads*(w+blockOf(x, layer.HeadDim, w)))})
	} else if x.Name == arch.Softmax {
		list = append(list, arrays{xlaScores, fp32(s.Batch, layer.Heads, s.Tokens, s.Tokens)})
	}
	return list
}

// xlaLogitsOf is what there is of logits at a time.
func (s Stage) xlaLogitsOf() []arrays {
	count := xlaText
	if s.Loss.Teacher {
		count += xlaTeacher
	}
	return []arrays{{count, fp32(s.Batch, min(s.partTokens(), s.Tokens), s.Student.Vocab)}}
}

// xlaAligned is what an alignment has of some layers: one of them and what waits of others.
func (s Stage) xlaAligned(layers []int) []arrays {
	if s.Engine == CUDA {
		return s.cudaAligned(layers)
	}
	var most []arrays
	rest := 0.0
	for _, i := range layers {
		outputs, weights := s.xlaPair(i)
		if bytesOf(weights) > bytesOf(outputs) {
			outputs, weights = weights, outputs
		}
		one := slices.Concat(outputs, []arrays{{xlaBoth, bytesOf(weights)}})
		if bytesOf(one) > bytesOf(most) {
			most = one
		}
		rest += xlaMixers[keyOf(s.Student.Mixers[i])].beside * float64(bytesOf(one))
	}
	return append(most, arrays{1, int64(rest)})
}

// xlaPair is what the alignment of layer i has, of the mixer's outputs and of attention weights.
func (s Stage) xlaPair(i int) (outputs, weights []arrays) {
	layer := s.Student.At(i)
	if s.Loss.Outputs {
		outputs = append(s.xlaMixer(i), arrays{xlaHidden, fp32(s.Batch, s.Tokens, s.Student.Hidden)})
	}
	if s.Loss.Attention {
		weights = []arrays{
			{mapsKept, fp32(s.Batch, s.Tokens, layer.Heads*layer.HeadDim)},
			{xlaPairs, fp32(s.Batch, layer.Heads, s.Tokens, s.Tokens)},
		}
	}
	return outputs, weights
}

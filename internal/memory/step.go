package memory

import "github.com/seed-1411d8c0/linearize/internal/arch"

// queryBlock is how many queries of softmax attention are there at a time where nothing
// is kept.
const queryBlock = 1024

// passing is what layer i of a model has at a time where nothing is kept; on XLA
// half of what engine go has.
func (s Stage) passing(m *arch.Model, i, rows int) int64 {
	if m == nil {
		return 0
	}
	k := keptOf(m, i, rows, s.Tokens)
	n := int64(max(k.mixer(hiddenKept)/2, hiddenKept*k.hidden+ffnKept*k.ffn))
	if m.Mixers[i].Name == arch.Softmax && k.scores > 0 {
		n = int64(hiddenKept*k.hidden + k.heads + scoresPassing*float64(array(rows, m.At(i).Heads, min(queryBlock, s.Tokens), s.Tokens)))
	}
	if s.compiled() {
		return n / 2
	}
	return n
}

// Arrays over tokens and vocabulary that are there at a time.
const (
	logitsOfEval = 3.25 // logits, the target's, zeros, and which is the target's
	logitsOfTerm = 1    // for each part of an objective
	logitsOfLoss = 2    // beside them

	// Where logits go in parts: measured as resident memory under a low GOGC, with KL,
	// cross-entropy and both.
	partOfLoss    = 3.5
	partOfTerm    = 3.0
	partOfTeacher = 2.0

	updating = 3 // arrays of the largest tensor while its weights are updated
)

// partSize and mostParts are those of internal/nn/train: of many logits one part after
// the other is there.
const (
	partSize  = 1 << 24
	mostParts = 64
)

// forward is what is there when the loss is known: what the layers keep and the logits.
func (s Stage) forward() int64 {
	n := s.keptByLayers()
	if s.Loss.Align {
		return n + s.teacherPassing()
	}
	count := int64(logitsOfTerm*s.Loss.Terms + logitsOfLoss)
	if s.Loss.Teacher {
		count++
	}
	part := s.partTokens()
	if part >= s.Tokens {
		return max(n+count*s.logits(s.Tokens), s.keptByLayers()+s.teacherPassing())
	}
	held := partOfLoss + partOfTerm*float64(s.Loss.Terms)
	if s.Loss.Teacher {
		held += partOfTeacher
	}
	return n + int64(held*float64(s.logits(part))) + 2*s.headGradient() // a part's and the sum
}

// headGradient is the gradient of the head's weights, if they are trained.
func (s Stage) headGradient() int64 {
	size := int64(s.Student.Vocab) * int64(s.Student.Hidden)
	for _, x := range s.Trained {
		if x >= size {
			return bucket(4 * x)
		}
	}
	return 0
}

// partTokens is how many tokens of each row have logits at a time.
func (s Stage) partTokens() int {
	return max(1, partSize/(s.Batch*s.Student.Vocab), (s.Tokens+mostParts-1)/mostParts)
}

// backward is what is there when the gradient of the head's weights is taken.
func (s Stage) backward() int64 {
	if s.Loss.Align {
		return 0
	}
	if s.partTokens() < s.Tokens {
		return 0 // taken part by part, see forward
	}
	return s.keptByLayers() + s.logits(s.Tokens) + 3*s.headGradient()/2
}

func (s Stage) logits(tokens int) int64 { return array(s.Batch, tokens, s.Student.Vocab) }

// keptByLayers is what all layers keep that the backward pass reaches.
func (s Stage) keptByLayers() int64 {
	n := int64(0)
	for i := s.First; i < s.Student.Layers; i++ {
		switch {
		case !s.Loss.Align:
			n += int64(keptOf(s.Student, i, s.Batch, s.Tokens).block())
		case s.Student.Converted(i):
			n += s.aligned(i)
		}
	}
	return n
}

// aligned is what an alignment keeps of layer i. The mixer's output takes no part in one
// of attention weights alone.
func (s Stage) aligned(i int) int64 {
	k, n := keptOf(s.Student, i, s.Batch, s.Tokens), 0.0
	if s.Loss.Outputs {
		n += k.mixer(hiddenAligned)
	}
	if s.Loss.Attention {
		n += mapsKept*k.width + pairsKept*float64(array(s.Batch, s.Student.At(i).Heads, s.Tokens, s.Tokens))
	}
	return int64(n)
}

// teacherPassing is a layer of the teacher while it runs beside the student.
func (s Stage) teacherPassing() int64 {
	n := int64(0)
	if s.Loss.Teacher || s.Loss.Align {
		for i := range s.Student.Layers {
			n = max(n, s.passing(s.Teacher, i, s.Batch))
		}
	}
	return n
}

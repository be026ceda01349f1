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

// Arrays over tokens and vocabulary that are there at a time, and of trained tensors. Seen
// on engine go by following each buffer of steps to its end.
const (
	logitsOfEval    = 3.25 // logits, the target's, zeros, and which is the target's
	logitsOfText    = 2.25 // logits, what is left of them at the target, and which is the target's
	logitsOfTeacher = 4.0  // both models' logits and what both make of them
	logitsOfMore    = 1.25 // for each further part of an objective: its gradient, and a mask

	updating = 3 // arrays of the largest tensor while its weights are updated
)

// What is there at a time of the logits, in numbers: 64 MiB of each array. More tokens
// go one part after the other, but not in more than mostParts: each goes through all of
// the head's weights, and with parts of a quarter a KL step of SmolLM2-135M took a tenth longer.
const (
	partSize  = 1 << 24
	mostParts = 64
)

// PartTokens is how many tokens of each row of a batch have logits at a time. It is for
// those who make them, too: what is planned is what is done.
func PartTokens(batch, tokens, vocab int) int {
	return max(1, partSize/(batch*vocab), (tokens+mostParts-1)/mostParts)
}

// forward is what is there when the loss is known: what the layers keep and the logits. In
// parts, the gradients of the one before are there too. The head's is there early, as the zeros
// that the embedding's is added to: where engine go leaves out broadcasts it puts the graph in
// order anew, and what waits for no gradient, behind the loss, comes before the backward pass.
func (s Stage) forward() int64 {
	n, part := s.keptByLayers(), s.partTokens()
	logits := int64(s.logitsHeld() * float64(s.logits(min(part, s.Tokens))))
	switch {
	case part < s.Tokens:
		return n + s.transposed() + logits + 2*s.headGradient()
	case !s.Loss.Teacher || s.Loss.Terms > 1:
		logits += s.headGradient()
	}
	return n + max(logits, s.teacherPassing())
}

// logitsHeld is how many arrays of logits the objective has at a time.
func (s Stage) logitsHeld() float64 {
	first := logitsOfText
	if s.Loss.Teacher {
		first = logitsOfTeacher
	}
	return first + logitsOfMore*float64(max(0, s.Loss.Terms-1))
}

// transposed is what the layers keep once more, transposed, for the gradients of weights that
// it is multiplied with. That waits for no gradient.
func (s Stage) transposed() int64 {
	hidden, ffn := 0.0, 0.0
	if m := s.Student; s.trains(m.Hidden, m.FFN) {
		hidden, ffn = 3, 1
	} else if s.trains(m.Hidden, m.KVHeads*m.HeadDim) {
		hidden = 2 // before and after a mixer
	}
	n := 0.0
	for i := s.First; i < s.Student.Layers; i++ {
		k := keptOf(s.Student, i, s.Batch, s.Tokens)
		n += hidden*k.hidden + ffn*k.ffn
	}
	return int64(n)
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

func (s Stage) partTokens() int { return PartTokens(s.Batch, s.Tokens, s.Student.Vocab) }

// alignment is what is there of one: what the layers keep, while the last of them is run in
// the teacher or, more often, when the backward pass begins.
func (s Stage) alignment() int64 {
	n, last := int64(0), int64(0)
	for i := range s.Student.Layers {
		if s.Student.Converted(i) {
			last = s.aligned(i)
			n += last
		}
	}
	return max(n, n-last+s.teacherPassing())
}

// backward is what is there when the gradient of the head's weights is taken.
func (s Stage) backward() int64 {
	if s.partTokens() < s.Tokens {
		return 0 // taken part by part, see forward
	}
	return s.keptByLayers() + s.transposed() + s.logits(s.Tokens) + 5*s.headGradient()/2
}

func (s Stage) logits(tokens int) int64 { return array(s.Batch, tokens, s.Student.Vocab) }

// keptByLayers is what all layers keep that the backward pass reaches.
func (s Stage) keptByLayers() int64 {
	n := int64(0)
	for i := s.First; i < s.Student.Layers; i++ {
		n += int64(keptOf(s.Student, i, s.Batch, s.Tokens).block())
	}
	return n
}

// aligned is what an alignment keeps of layer i. The mixer's output takes no part in one
// of attention weights alone.
func (s Stage) aligned(i int) int64 {
	k, n := keptOf(s.Student, i, s.Batch, s.Tokens), 0.0
	if s.Loss.Outputs {
		n += k.mixer(hiddenAligned)
		switch {
		case !s.Frozen:
			n += k.beside
		case s.Student.Mixers[i].Name == "hedgehog":
			n -= featuresKept*k.width + frozenWindow*k.nears
		}
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

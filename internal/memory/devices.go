package memory

// Several devices ([Stage].Devices) share a batch's rows, and each has all weights, all
// moments and all that a step gives; see docs/decisions/0012-several-devices.md. Devices of
// xla:cpu are in one memory, those of other engines have each its own.

// Devices allocate in threads of their own, and what a step frees in one hardly serves
// another: so much of it, and at most of so much, is kept beside. Measured with four.
const (
	keptOfStep = 0.6
	mostKept   = 600 << 20
)

// sharers is how many devices take of the memory that is planned.
func (s Stage) sharers() int64 {
	if s.Engine != CPU {
		return 1
	}
	return int64(max(1, s.Devices))
}

// onEach is what each device does of a step.
func (s Stage) onEach() Stage {
	s.Batch = max(1, s.Batch/max(1, s.Devices))
	return s
}

// spread is what both models take. Of weights that are not trained, several devices leave
// the tensor that was read where it is: an evaluation reads it. An alignment runs the
// teacher's layers and the student's mixers alone.
func (s Stage) spread() int64 {
	n, all := s.sharers(), s.models()
	if n == 1 {
		return all
	}
	trained := s.gradients(s.Trained)
	frozen := max(0, all-trained)
	passed := frozen
	if s.Loss.Align {
		passed = 4 * elementsOf(s.Teacher.Weights())
	}
	return n*(trained+passed) + frozen
}

// unshared is what several devices keep of what their steps have freed.
func (s Stage) unshared(e Estimate) int64 {
	if s.sharers() == 1 {
		return 0
	}
	step := e.Work
	if s.Layers == nil { // e may be an evaluation
		step = s.joint().Work
	}
	return int64(keptOfStep * float64(min(step, mostKept)))
}

// onHost is what several devices need of Go's memory: they share out from there what is
// read, and merge there what is saved.
func (s Stage) onHost() int64 {
	if s.Devices <= 1 || s.Layers != nil {
		return 0
	}
	return s.models() + s.optimizer(s.Trained)
}

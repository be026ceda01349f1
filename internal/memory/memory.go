// Package memory estimates how much memory a stage of training takes, before anything is
// loaded: arithmetic over sizes, without an engine.
//
// [Stage.Estimate] adds up what is there when most is: weights, the optimizer, and the
// arrays of one step or of an evaluation. Engine go runs a graph in the order in which it
// was built: kept.go has what each part of a model keeps for the backward pass, fitted to
// the graphs themselves. XLA orders a graph itself: xla.go has what it keeps, fitted to what
// it says after compiling. What a process takes beside that was measured.
//
// # Limits
//
// Options that change a mixer's arrays, other than those in kept.go, are not seen: wider
// feature maps, groups of states; nor what remembered logits of the teacher take. On XLA
// the figures of a process are those of one plugin on two cores.
package memory

import "github.com/seed-1411d8c0/linearize/internal/arch"

// Engine tells engines apart by what they do with memory.
type Engine string

// The engines. What XLA has on other devices is as on [CUDA]: in memory of their own.
const (
	Go   Engine = "go"
	CPU  Engine = "xla:cpu"
	CUDA Engine = "xla:cuda"
)

// Stage is what is known of a stage of training before it starts.
type Stage struct {
	Engine  Engine // empty: go
	Devices int    // of the engine that share a batch; 0: one

	Teacher *arch.Model // nil: nobody asks it
	Student *arch.Model
	Trained []int64 // elements of each trained tensor
	Frozen  bool    // no projection is trained, nor an adapter of one
	First   int     // the first layer that the backward pass reaches; [arch.Model].Layers: none

	Batch, Tokens int  // of a micro-batch, and of each of its rows
	Accumulates   bool // a step has several micro-batches

	Loss   Loss
	Layers []int     // those that a layerwise alignment takes one by one; nil: all at once
	Single [][]int64 // of each of them the elements of each trained tensor; nil: of all of its mixer
	Eval   int       // windows that an evaluation takes at once; 0: there is none

	Files int64 // bytes of the student's weights on the disk
	Text  int64 // bytes of text
}

// Loss is what a stage's objective consists of.
type Loss struct {
	Align     bool // mixers side by side; else the free-running model's logits
	Outputs   bool // of an alignment: of the mixers' outputs
	Attention bool // of an alignment: of attention weights
	Teacher   bool // the teacher's logits take part
	Terms     int  // of the logits
}

// Estimate is the largest memory of a stage, in bytes, and what it is made of.
type Estimate struct {
	Weights   int64 `json:"weights"`            // teacher and student
	Optimizer int64 `json:"optimizer"`          // moments, and sums of gradients
	Work      int64 `json:"work"`               // arrays of a step or of an evaluation, whichever has more
	Mapped    int64 `json:"mapped"`             // parts of files, which the system can take back
	Compiler  int64 `json:"compiler,omitempty"` // XLA's, for the graphs
	Program   int64 `json:"program"`            // the program with its text and graphs, and XLA's plugin
	Waiting   int64 `json:"waiting,omitempty"`  // on engine go: buffers that wait to serve again
	Heap      int64 `json:"heap"`               // Go's, to which a run is held by Go's memory limit; on engine go with the arrays
	Total     int64 `json:"total"`              // the largest resident memory; on CUDA what lies on the device
}

// Estimate is what the stage takes when it takes most.
func (s Stage) Estimate() Estimate {
	var e Estimate
	if s.Layers != nil {
		e = s.layerwise()
	} else {
		e = s.joint()
	}
	room := headroom
	if s.Eval > 0 {
		if x := s.evaluation(); x.used() > e.used() {
			e, room = x, headroomOfEval
		}
	}
	host := started + int64(s.Student.Layers)*graphOfLayer + textHeld*min(s.Text, textInMemory)
	if s.compiled() {
		e = s.beside(e, host)
	} else {
		e.Mapped = s.mapped()
		e.Heap = int64(room * float64(e.used()+host))
		e.Waiting = e.Heap - e.used() - host
		e.Total = e.Heap + e.Mapped + program
	}
	e.Program = e.Total - e.used() - e.Mapped - e.Compiler - e.Waiting
	return e
}

// compiled reports whether XLA runs the stage, and not engine go.
func (s Stage) compiled() bool { return s.Engine != "" && s.Engine != Go }

// What a process has beside the arrays of a stage, measured on engine go as resident
// memory under a low GOGC, with models of 1 and 8 layers.
const (
	program      = 38 << 20 // of the binary, as far as it is touched
	started      = 12 << 20 // on the heap before a model is loaded
	graphOfLayer = 4 << 20  // nodes of a layer's graph, forward and backward
	textHeld     = 3        // times the size of text: itself and its tokens
	textInMemory = 16 << 20 // more of it is mapped, see internal/data
)

// headroom is what the heap has above what is in use: buffers that wait to serve again,
// and what is not yet collected. A run is held to it, see [Estimate].Heap. Without that
// Go's collector lets the heap grow to twice what is in use.
const (
	headroom       = 1.2
	headroomOfEval = 1.2 // whose arrays are few and large
)

// joint has the whole models and the optimizer in memory.
func (s Stage) joint() Estimate {
	e := Estimate{Weights: s.spread(), Optimizer: s.sharers() * s.optimizer(s.Trained)}
	if s.compiled() {
		e.Work = s.sharers() * (s.given() + s.onEach().xlaStep())
		return e
	}
	if s.Loss.Align {
		e.Work = max(s.update(s.Trained), s.alignment())
	} else {
		e.Work = max(s.forward(), s.backward(), s.update(s.Trained)+s.headGradient())
	}
	return e
}

// evaluation runs the student, or the teacher, over windows. In a layerwise stage both
// are loaded for it, and what the layers had is gone. On xla:cpu what a step has freed,
// many smaller pieces, is hardly given back to the system by then.
func (s Stage) evaluation() Estimate {
	e, held := Estimate{Weights: s.models()}, int64(0)
	if s.Layers == nil {
		e = s.joint()
		if e.Work = 0; s.Engine == CPU {
			held = s.sharers() * s.given()
		}
	}
	count := logitsOfEval
	switch {
	case s.Engine == CPU:
		count = xlaLogits
	case s.compiled():
		count = cudaLogits
	}
	e.Work = int64(count * float64(fp32(s.Eval, s.Tokens, s.Student.Vocab))) // what is touched of their buckets
	for i := range s.Student.Layers {
		e.Work = max(e.Work, s.passing(s.Student, i, s.Eval), s.passing(s.Teacher, i, s.Eval))
	}
	e.Work += held
	return e
}

// layerwise has a layer's weights, first the teacher's while its block runs, then the
// student's mixer and its optimizer, and beside them the layer's states: four arrays, of
// which engine go has two while the teacher runs.
func (s Stage) layerwise() Estimate {
	var most Estimate
	states := s.stored(fp32(s.Batch, s.Tokens, s.Student.Hidden+s.Student.Queries()))
	ofTeacher := 2 * states
	if s.compiled() {
		ofTeacher = 4 * states
	}
	for k, i := range s.Layers {
		block := 4 * elementsOf(s.Teacher.LayerWeights(i))
		mixer, trained := s.mixerOf(i)
		if !s.compiled() && k < len(s.Single) {
			trained = s.Single[k]
		}
		step := max(s.aligned(i), s.update(trained))
		if s.compiled() {
			step = s.sharers() * (s.optimizer(trained) + s.gradients(trained) + unplaced(s.onEach().xlaAligned([]int{i}), trained))
		}
		most = most.or(Estimate{Weights: block, Work: s.passing(s.Teacher, i, s.Batch) + ofTeacher})
		most = most.or(Estimate{Weights: s.sharers() * mixer, Optimizer: s.sharers() * s.optimizer(trained), Work: step + 4*states})
	}
	return most
}

// mixerOf is a layer's mixer with its projections, in bytes, and the elements of what of it
// is trained, at most.
func (s Stage) mixerOf(i int) (bytes int64, trained []int64) {
	for _, w := range s.Student.LayerWeights(i) {
		if w.Group == "mixer" || w.Group == "attention" {
			bytes += 4 * elements(w.Shape)
			trained = append(trained, elements(w.Shape))
		}
	}
	return bytes, trained
}

// models are the fp32 weights of teacher and student.
func (s Stage) models() int64 {
	n := int64(0)
	for _, m := range []*arch.Model{s.Teacher, s.Student} {
		if m == nil {
			continue
		}
		n += 4 * elementsOf(m.Weights())
	}
	return n
}

// optimizer is two moments of each trained tensor, and the sum of its gradients where
// steps have several micro-batches.
func (s Stage) optimizer(trained []int64) int64 {
	if s.Accumulates {
		return 3 * s.gradients(trained)
	}
	return 2 * s.gradients(trained)
}

// gradients are an array for each trained tensor.
func (s Stage) gradients(trained []int64) int64 {
	n := int64(0)
	for _, x := range trained {
		n += s.stored(4 * x)
	}
	return n
}

// mappedMore is what a layerwise stage has of the teacher's file beside: the system maps
// what lies around a tensor too, and so a small file whole.
const mappedMore = 12 << 20

// mapped is what of files is in memory: a tensor at a time. The files of finished layers are
// no different, so that a layerwise stage takes the same for any number of them. Without an
// evaluation engine go has given back its heap when such a stage reads the models' files.
func (s Stage) mapped() int64 {
	var around int64
	if s.Layers != nil {
		around = min(s.Files, mappedMore)
		if !s.compiled() && s.Eval == 0 {
			return around
		}
	}
	all, largest := int64(0), int64(0)
	for _, w := range s.Student.Weights() {
		n := elements(w.Shape)
		all, largest = all+n, max(largest, n)
	}
	return around + int64(float64(s.Files)*float64(largest)/float64(max(1, all)))
}

// update is when all gradients are there, and a few arrays of the largest tensor's size.
func (s Stage) update(trained []int64) int64 {
	largest := int64(0)
	for _, x := range trained {
		largest = max(largest, s.stored(4*x))
	}
	return s.gradients(trained) + updating*largest
}

// or is the one of two that takes more.
func (e Estimate) or(x Estimate) Estimate {
	if x.used() > e.used() {
		return x
	}
	return e
}

// used is what an estimate has of arrays.
func (e Estimate) used() int64 { return e.Weights + e.Optimizer + e.Work }

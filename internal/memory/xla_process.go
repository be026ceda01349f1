package memory

// What a process has on XLA beside the arrays of a stage, measured on xla:cpu with models of
// 2 to 16 layers. The compiler's memory is hardly given back: it serves what is compiled next.
const (
	pluginMapped = 352 << 20 // of the binary and the plugin, as far as they are touched
	pluginHeap   = 64 << 20  // of the plugin before anything is compiled
	evalCode     = 40 << 20  // to compile an evaluation
	layerCode    = 20 << 20  // to compile a layer of a step, forward and backward
	alignedCode  = 12 << 20  // the same of an alignment
	passingCode  = 6 << 20   // the same of a layer that nothing goes back through
	endsCode     = 90 << 20  // to compile embedding, head and loss
	windowCode   = 70 << 20  // to compile windows
	bothCode     = 40 << 20  // to compile the alignment of outputs and of attention weights
	hostCopies   = 4         // of the largest tensor, while it is read or saved
)

// headroomOnHost is what Go's heap has above what is in use.
const headroomOnHost = 1.3

// beside completes an estimate of the arrays on XLA by what the process has beside them:
// on the host as much as is given, what a save copies, the compiler and the plugin.
func (s Stage) beside(e Estimate, host int64) Estimate {
	largest := int64(0)
	for _, w := range s.Student.Weights() {
		largest = max(largest, 4*elements(w.Shape))
	}
	saving := hostCopies * largest
	e.Heap = int64(headroomOnHost*float64(host+saving)) + s.onHost()
	if s.Engine == CUDA {
		e.Total = e.used()
		return e
	}
	// A step's own arrays are given back when it is over, and what it gave is not: a save
	// comes on top of that.
	if s.Layers == nil {
		saving = max(0, saving-(e.Work-s.sharers()*s.given()))
	}
	e.Mapped, e.Compiler = s.mapped(), s.compiler()
	e.Total = e.used() + int64(headroomOnHost*float64(host+saving)) + e.Mapped + e.Compiler + pluginMapped + pluginHeap + s.unshared(e)
	return e
}

// compiler is what XLA's compiler takes for the graphs of the stage.
func (s Stage) compiler() int64 {
	var n int64
	var back []int // the layers that the backward pass goes through
	switch {
	case s.Layers != nil:
		n, back = 2*alignedCode, s.Layers
	case s.Loss.Align:
		back = s.convertedLayers()
		n = alignedCode * int64(s.Student.Layers)
		if s.Loss.Outputs && s.Loss.Attention {
			n += bothCode
		}
	default:
		for i := s.First; i < s.Student.Layers; i++ {
			back = append(back, i)
		}
		n = endsCode + passingCode*int64(s.First) + layerCode*int64(len(back))
	}
	most := int64(0)
	for _, i := range back {
		x := s.Student.Mixers[i]
		code := xlaMixers[keyOf(x)].code << 20
		if x.Name == "hedgehog" && x.Window() > 0 {
			code += windowCode // those of other mixers are in their figures
		}
		most = max(most, code)
	}
	n += most
	if m := s.Student; !s.Loss.Align && !s.trains(m.Hidden, m.KVHeads*m.HeadDim) {
		n /= 2 // adapters: no projection has a gradient
	}
	if s.Eval > 0 {
		n += evalCode
	}
	return n
}

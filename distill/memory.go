package distill

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/memory"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// planMemory estimates what each stage takes. It comes last: whether the teacher is in
// memory depends on all stages.
func (p *Plan) planMemory() {
	p.Engine = p.planEngine()
	files, paths := fileBytes(p.Student), p.paths()
	if p.Conversion != nil {
		files = p.Conversion.BytesOut
	}
	text := textBytes(paths.Train) + textBytes(paths.Eval)
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Skipped != "" {
			continue
		}
		o := objective(*s)
		m := memory.Stage{
			Engine: memoryOf(p.Engine), Devices: p.Options.Devices,
			Student: p.student, First: p.reached(*s), Batch: s.BatchSize, Tokens: p.Recipe.Data.SeqLen,
			Frozen: s.Train == "new", Accumulates: s.GradAccumulation > 1, Files: files, Text: text,
			Loss: memory.Loss{
				Align: o.Aligns(), Outputs: o.MSE+o.L2+o.Cosine > 0, Attention: o.Attention > 0,
				Teacher: o.NeedsTeacher() && s.TeacherLogits == nil,
			},
		}
		if len(paths.Eval) > 0 {
			m.Eval = eval.AtOnce(evalBatch, m.Tokens, p.student.Vocab)
		}
		if p.needsTeacher() || s.layerwise() {
			m.Teacher = p.teacher
		}
		for _, weight := range []float64{o.KL, o.ReverseKL, o.CE} {
			if weight > 0 {
				m.Loss.Terms++
			}
		}
		for _, t := range s.Set {
			m.Trained = append(m.Trained, elements(t.Shape))
		}
		if s.layerwise() {
			m.Layers = s.Aligned
			for _, i := range s.Aligned {
				var single []int64
				for _, t := range p.trained(*s, i) {
					single = append(single, elements(t.Shape))
				}
				m.Single = append(m.Single, single)
			}
		}
		s.Memory = m.Estimate()
	}
}

// planEngine is the engine that a run of this plan will have: left to choose, one that
// goes on stays with its own.
func (p *Plan) planEngine() string {
	spec := p.Options.engine()
	if was := p.begunOn().Engine; spec == engine.Auto && was != "" {
		spec = was
	}
	return engine.Kind(spec)
}

// memoryOf is what an engine does with memory: XLA's devices have their own, but for CPUs.
func memoryOf(kind string) memory.Engine {
	switch kind {
	case "go":
		return memory.Go
	case "xla:cpu":
		return memory.CPU
	default:
		return memory.CUDA
	}
}

// reached is the first layer that the backward pass of a stage reaches.
func (p *Plan) reached(s Stage) int {
	if s.Kind == "align" { // layers do not influence each other
		return 0
	}
	first, layerOf := p.student.Layers, nn.Layers(p.student)
	ends := []string{p.student.FinalNorm(), p.student.Head()}
	for _, t := range s.Set {
		layer := layerOf(t.Name)
		if layer < 0 && slices.ContainsFunc(ends, func(end string) bool { return strings.HasPrefix(t.Name, end) }) {
			continue
		}
		first = min(first, max(0, layer))
	}
	return first
}

// needsTeacher reports whether a stage or an evaluation asks the teacher.
func (p *Plan) needsTeacher() bool {
	return len(p.Recipe.Data.Eval) > 0 && p.student.Linear() || slices.ContainsFunc(p.Stages, func(s Stage) bool {
		return s.Skipped == "" && objective(s).NeedsTeacher()
	})
}

// PeakMemory is the estimate of the stage that takes most.
func (p *Plan) PeakMemory() memory.Estimate {
	var most memory.Estimate
	for _, s := range p.Stages {
		if s.Memory.Total > most.Total {
			most = s.Memory
		}
	}
	return most
}

// memoryLine is what a dry run says of a stage's memory. The parts sum to the whole.
func (p *Plan) memoryLine(m memory.Estimate) string {
	var parts []string
	for _, part := range []struct {
		name  string
		bytes int64
	}{
		{"weights", m.Weights},
		{"optimizer", m.Optimizer},
		{"arrays of a step or an evaluation", m.Work},
		{"buffers that wait to serve again", m.Waiting},
		{"files", m.Mapped},
		{"XLA's compiler", m.Compiler},
		{"the program", m.Program},
	} {
		if part.bytes > 0 {
			parts = append(parts, part.name+" "+bytesize.Format(part.bytes))
		}
	}
	about, rest := "at most", ""
	if memoryOf(p.Engine) == memory.CUDA {
		about, rest = "of the device's", "; the host's is not planned"
	}
	on := machinery{p.Engine, p.Options.Devices}
	return fmt.Sprintf("memory: about %s %s on engine %s; %s%s", bytesize.Format(m.Total), about, on, strings.Join(parts, ", "), rest)
}

// TooLarge warns of a run that will take more memory than a machine has, in bytes. It is
// empty if the run fits, if machine is 0, which is not known, or if the memory is a device's.
func (p *Plan) TooLarge(machine int64) string {
	need := p.PeakMemory().Total
	if machine <= 0 || need <= machine || memoryOf(p.Engine) == memory.CUDA {
		return ""
	}
	return fmt.Sprintf("this run takes about %s of memory, and the machine has %s: it will be killed, or swap for ever; %s",
		bytesize.Format(need), bytesize.Format(machine), "smaller batch_size or seq_len, execution: layerwise, or train: lora take less")
}

// textBytes is the size of the files of a recipe's key.
func textBytes(sources []recipes.Source) int64 {
	n := int64(0)
	for _, s := range sources {
		n += fileSize(s.Path)
	}
	return n
}

// fileBytes is the size of a folder's weight files.
func fileBytes(dir string) int64 {
	files, _ := filepath.Glob(filepath.Join(dir, "*.safetensors")) // the pattern is well formed
	n := int64(0)
	for _, path := range files {
		n += fileSize(path)
	}
	return n
}

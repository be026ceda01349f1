package distill

import (
	"fmt"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/hidden"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// planLayers decides which layers a stage aligns one by one, and what that takes on
// the disk.
func (p *Plan) planLayers(s *Stage) error {
	if s.Execution != recipes.Layerwise || !p.student.Linear() {
		return nil
	}
	var wanted []int
	if s.Stage.Layers != "" {
		var err error
		if wanted, err = arch.ParseLayers(s.Stage.Layers); err != nil {
			return fmt.Errorf("stage %s: layers: %w", s.Name, err)
		}
		for _, i := range wanted {
			if i >= p.student.Layers {
				return fmt.Errorf("stage %s: layers: got layer %d, and the student has 0 to %d", s.Name, i, p.student.Layers-1)
			}
		}
	}
	for i := range p.student.Layers {
		if len(p.student.Mixers[i].Weights(p.student.At(i))) == 0 && s.Train == "new" {
			continue // there is nothing to train
		}
		if p.student.Converted(i) && (wanted == nil || slices.Contains(wanted, i)) {
			s.Aligned = append(s.Aligned, i)
		}
	}
	if len(s.Aligned) == 0 && wanted != nil {
		return fmt.Errorf("stage %s: layers: none of %s is converted, with something for train: %s", s.Name, s.Stage.Layers, s.Train)
	}
	return nil
}

// withinAligned keeps what a stage trains in the layers that it aligns.
func (p *Plan) withinAligned(s *Stage, set []Trainable) ([]Trainable, error) {
	if s.Execution != recipes.Layerwise || len(set) == 0 {
		return set, nil
	}
	of := map[string]bool{}
	for _, i := range s.Aligned {
		for _, w := range p.student.LayerWeights(i) {
			of[w.Name] = true
		}
	}
	set = slices.DeleteFunc(slices.Clone(set), func(t Trainable) bool { return !of[t.Name] })
	if len(set) == 0 {
		return nil, fmt.Errorf("stage %s: train: %s matches no tensor of the layers %s", s.Name, s.Train, arch.FormatLayers(s.Aligned))
	}
	return set, nil
}

// planCache says what the hidden states take on the disk, at most: where the steps
// draw a window again it is there once.
func (p *Plan) planCache(s *Stage) {
	if !s.layerwise() {
		return
	}
	draws := s.Steps * s.windows()
	s.CacheBytes = s.layout(p.student, draws, p.Recipe.Data.SeqLen).Bytes()
}

// muchForEvaluation is the size of two models from which on a run says that evaluations
// hold them: a machine that trains has what smaller ones take.
const muchForEvaluation = 1e9

// wholeModels says what an evaluation of layerwise stages from i on holds that their layers
// do not; it is empty where that is little, or where there is none.
func (p *Plan) wholeModels(i int) string {
	size := 4 * (parameters(p.teacher) + parameters(p.student))
	if len(p.Recipe.Data.Eval) == 0 || size < muchForEvaluation || i > len(p.Stages) || !slices.ContainsFunc(p.Stages[i:], Stage.layerwise) {
		return ""
	}
	return "evaluations at the ends of layerwise stages hold both models whole in memory, " + bytesize.Format(size) + "; without data.eval there are none"
}

// parameters counts a model's.
func parameters(m *arch.Model) (n int64) {
	for _, w := range m.Weights() {
		n += elements(w.Shape)
	}
	return n
}

// layout is what the stage caches of so many windows.
func (s Stage) layout(m *arch.Model, windows, seqLen int) hidden.Layout {
	l := hidden.Layout{Rows: windows, Tokens: seqLen, Hidden: m.Hidden, DType: hidden.F32}
	if s.CacheDType != "" {
		l.DType = s.CacheDType
	}
	for _, i := range s.Aligned {
		l.Mixed = max(l.Mixed, s.target().Width(m, i))
	}
	return l
}

// layerTensor is a tensor that a stage trains, by its name in the layer's own model.
type layerTensor struct {
	Trainable
	full string // in the student
}

// trained lists what a stage trains in a layer.
func (p *Plan) trained(s Stage, layer int) []layerTensor {
	own := p.student.Single(layer).LayerWeights(0)
	var list []layerTensor
	for k, w := range p.student.LayerWeights(layer) {
		i := slices.IndexFunc(s.Set, func(t Trainable) bool { return t.Name == w.Name })
		if i < 0 {
			continue
		}
		x := layerTensor{s.Set[i], w.Name}
		x.Name = own[k].Name
		list = append(list, x)
	}
	return list
}

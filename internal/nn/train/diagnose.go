package train

import (
	"fmt"
	"math"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Diagnose says where a step that was not finite went wrong, in the order in
// which the values are computed: a weight, an alignment loss, the output of a
// block, and last a gradient. The step must have changed nothing, which
// [Trainer.Step] sees to. With empty metrics it looks at the weights and at a
// forward pass over b, for a student whose evaluation failed.
func (t *Trainer) Diagnose(m Metrics, b Batch) (string, error) {
	layerOf := layersOf(t.Student.Model)
	for _, name := range t.Params.Names() {
		data, err := t.Params.Float32(name)
		if err != nil {
			return "", err
		}
		if i := firstBad(data); i >= 0 {
			return fmt.Sprintf("%s: tensor %s is %v at element %d", place(layerOf(name)), name, data[i], i), nil
		}
	}
	if t.Objective.MSE > 0 && m.Parts != nil {
		for i, name := range t.Objective.Parts(t.Student.Model) {
			if bad(m.Parts[i]) {
				return fmt.Sprintf("layer %s: its alignment loss is %v", name[len("mse_"):], m.Parts[i]), nil
			}
		}
	} else if where, err := t.probe(b); err != nil || where != "" {
		return where, err
	}
	// The backward pass runs from the last layer to the first: what is named last
	// in the model's order went wrong first.
	where := "no layer shows it: the norm of the gradient overflows, or only some inputs do it"
	deepest := math.MinInt
	for i, square := range m.Squares {
		name := t.Tensors[i].Name
		if l := layerOf(name); bad(square) && l > deepest {
			deepest, where = l, fmt.Sprintf("%s: the gradient of %s is not finite", place(l), name)
		}
	}
	return where, nil
}

// probe runs the student forward once more and names the first block whose output is not finite.
func (t *Trainer) probe(b Batch) (string, error) {
	exec, err := model.NewExec(t.Backend, t.Store, func(_ *model.Scope, ids *Node) *Node {
		t.Store.SetTraining(ids.Graph(), true)
		return t.Student.Magnitudes(ids)
	})
	if err != nil {
		return "", fmt.Errorf("build probe: %w", err)
	}
	defer exec.Finalize()
	ids, _ := b.tensors()
	out, err := exec.Exec(ids)
	if err != nil {
		return "", fmt.Errorf("run probe: %w", err)
	}
	magnitudes, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return "", fmt.Errorf("read probe: %w", err)
	}
	i := firstBad(magnitudes)
	switch {
	case i < 0:
		return "", nil
	case i == len(magnitudes)-1:
		return "the head: the logits are not finite", nil
	default:
		return fmt.Sprintf("layer %d: the output of its block is not finite", i), nil
	}
}

// layersOf returns the layer of a tensor of the model, or of an adapter of one.
func layersOf(m *arch.Model) func(name string) int {
	layers := map[string]int{}
	for _, w := range m.Weights() {
		layers[w.Name] = w.Layer
	}
	return func(name string) int {
		for _, suffix := range []string{nn.LoRAA, nn.LoRAB} {
			if module, ok := strings.CutSuffix(name, suffix); ok {
				return layers[module+".weight"]
			}
		}
		return layers[name]
	}
}

func place(layer int) string {
	if layer < 0 {
		return "outside the layers"
	}
	return fmt.Sprintf("layer %d", layer)
}

func firstBad(data []float32) int {
	for i, x := range data {
		if bad(float64(x)) {
			return i
		}
	}
	return -1
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

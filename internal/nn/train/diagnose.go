package train

import (
	"fmt"
	"math"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Diagnose says where a step that was not finite went wrong, in the order in
// which the values are computed: a weight, an alignment loss, the output of a
// block, and last a gradient. The step must have changed nothing, which
// [Trainer.Step] sees to. With empty metrics it looks at the weights and at a
// forward pass over b, for a student whose evaluation failed.
func (t *Trainer) Diagnose(m Metrics, b Batch) (string, error) {
	if where, err := t.Params.NotFinite(t.Student.Model); err != nil || where != "" {
		return where, err
	}
	if t.Objective.Aligns() && m.Parts != nil {
		for i, name := range t.Objective.Parts(t.Student.Model) {
			if bad(m.Parts[i]) {
				return fmt.Sprintf("layer %s: its alignment loss is %v", name[strings.Index(name, "_")+1:], m.Parts[i]), nil
			}
		}
	} else if where, err := t.probe(b); err != nil || where != "" {
		return where, err
	}
	// The backward pass runs from the last layer to the first: what is named last
	// in the model's order went wrong first.
	where := "no layer shows it: the norm of the gradient overflows, or only some inputs do it"
	deepest := math.MinInt
	layerOf := nn.Layers(t.Student.Model)
	for i, square := range m.Squares {
		name := t.Tensors[i].Name
		if l := layerOf(name); bad(square) && l > deepest {
			deepest, where = l, fmt.Sprintf("%s: the gradient of %s is not finite", nn.Place(l), name)
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
	out, err := exec.Exec(tensors.FromFlatDataAndDimensions(b.IDs, b.B, b.T))
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

func firstBad(data []float32) int {
	for i, x := range data {
		if bad(float64(x)) {
			return i
		}
	}
	return -1
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

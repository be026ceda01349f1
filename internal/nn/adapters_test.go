package nn_test

import (
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// Dropout of an adapter's input acts where training builds the net and nowhere else,
// though weights be live as in an evaluation between steps; its masks follow from step
// and part.
func TestAdapterDropout(t *testing.T) {
	net, store := nntest.Load(t, testdata.Family(t, "llama2"))
	params := net.Weights.(*nn.Params)
	const module, r = "model.layers.0.self_attn.q_proj", 2
	width := net.Model.Hidden
	ones := slices.Repeat([]float32{0.1}, r*width)
	if err := params.Set(module+nn.LoRAA, []int{r, width}, ones); err != nil {
		t.Fatal(err)
	}
	if err := params.Set(module+nn.LoRAB, []int{net.Model.Queries(), r}, slices.Repeat([]float32{0.1}, r*net.Model.Queries())); err != nil {
		t.Fatal(err)
	}
	logits := func(training bool, step, part int) []float32 {
		t.Helper()
		if err := params.Redraw(step, part); err != nil {
			t.Fatal(err)
		}
		exec, err := model.NewExec(enginetest.Open(t), store, func(_ *model.Scope, ids *graph.Node) *graph.Node {
			store.SetTraining(ids.Graph(), true)
			net := net
			if training {
				net = net.ForTraining()
			}
			logits, _ := net.Forward(ids, nn.Options{})
			return logits
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		out, err := exec.Exec(tensors.FromFlatDataAndDimensions([]int32{1, 2, 3, 4, 5}, 1, 5))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float32](out[0])
	}
	if err := params.DropInput(module, 0.5, 1); err == nil {
		t.Error("dropout of a module without an adapter is accepted")
	}
	params.Adapt(module, 1)
	plain := logits(true, 1, 0)
	if err := params.DropInput(module, 0.5, 1); err != nil {
		t.Fatal(err)
	}
	if off := maxDifference(logits(false, 1, 0), plain); off != 0 {
		t.Errorf("an evaluation drops: logits are off by %g", off)
	}
	first := logits(true, 1, 0)
	if maxDifference(first, logits(true, 1, 0)) != 0 {
		t.Error("the same step and part give other logits")
	}
	for name, other := range map[string][]float32{"no dropout": plain, "the next step": logits(true, 2, 0), "the next part": logits(true, 1, 1)} {
		if maxDifference(first, other) == 0 {
			t.Errorf("%s gives the same logits", name)
		}
	}
}

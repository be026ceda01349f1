package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// In parts, loss and gradients are those of the whole.
func TestParts(t *testing.T) {
	const batch, tokens, vocab = 2, 24, 60
	config := map[string]any{
		"vocab_size": vocab, "hidden_size": 12, "intermediate_size": 20, "num_attention_heads": 3,
		"num_key_value_heads": 1, "rms_norm_eps": 1e-5,
	}
	net, store := nntest.Random(t, config, "softmax", "softmax")
	for _, o := range []Objective{
		{CE: 1},
		{KL: 1, Temperature: 1},
		{KL: 0.7, ReverseKL: 0.2, CE: 0.1, Temperature: 2},
	} {
		for _, top := range []bool{false, true} {
			for _, weighted := range []bool{false, true} {
				rng := rand.New(rand.NewPCG(1, 2))
				ids, targets, weights := make([]int32, batch*tokens), make([]int32, batch*tokens), make([]float32, batch*tokens)
				topIDs, topLog := make([]int32, 0, batch*tokens*3), make([]float32, 0, batch*tokens*4)
				for i := range ids {
					ids[i], targets[i], weights[i] = rng.Int32N(vocab), rng.Int32N(vocab), rng.Float32()/20
					first := rng.Int32N(20)
					topIDs = append(topIDs, first, first+20, first+40)
					topLog = append(topLog, -0.7, -1.6, -2.5, -1.9)
				}
				var got [2][][]float64
				for i, size := range []int{tokens, 5} {
					e, err := model.NewExec(enginetest.Open(t), store, func(_ *model.Scope, x []*Node) []*Node {
						in := inputs{ids: x[0], targets: x[1]}
						if weighted {
							in.weights = x[2]
						}
						if top {
							in.top = &nn.Top{IDs: x[3], Log: x[4]}
						}
						for _, w := range net.Model.Weights() {
							in.trained = append(in.trained, net.Weights.Weight(x[0].Graph(), w.Name))
						}
						loss, parts := o.imitateBy(size, &net, student(net), in)
						out := append([]*Node{loss}, parts...)
						return append(out, Gradient(loss, in.trained...)...)
					})
					if err != nil {
						t.Fatal(err)
					}
					out, err := e.Exec(
						tensors.FromFlatDataAndDimensions(ids, batch, tokens), tensors.FromFlatDataAndDimensions(targets, batch, tokens),
						tensors.FromFlatDataAndDimensions(weights, batch, tokens),
						tensors.FromFlatDataAndDimensions(topIDs, batch, tokens, 3), tensors.FromFlatDataAndDimensions(topLog, batch, tokens, 4))
					if err != nil {
						t.Fatal(err)
					}
					for _, x := range out {
						got[i] = append(got[i], numtest.Of(x))
					}
					e.Finalize()
				}
				for i := range got[0] {
					what := "loss or part"
					if k := i - len(got[0]) + len(net.Model.Weights()); k >= 0 {
						what = "gradient of " + net.Model.Weights()[k].Name
					}
					numtest.Near(t, fmt.Sprintf("%+v, top %v, weighted %v: %s", o, top, weighted, what), got[1][i], got[0][i], 3e-6)
				}
			}
		}
	}
}

// student is a net whose logits are not the teacher's: its embedding is scaled.
func student(net nn.Net) nn.Net {
	m := *net.Model
	m.LogitScale = 0.5
	net.Model = &m
	return net
}

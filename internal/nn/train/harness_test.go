package train_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// rig is a tiny student that learns next tokens, every tensor trainable.
type rig struct {
	model   *arch.Model
	params  *nn.Params
	trainer *train.Trainer
}

func newRig(t *testing.T, o train.AdamW) rig {
	t.Helper()
	folder, err := checkpoints.Open(testmodel.Llama(t, testmodel.Options{Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	params, err := nn.LoadParams(store, "student", folder, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	setup := train.Setup{
		Backend: enginetest.Open(t), Store: store, Student: nn.Net{Model: m, Weights: params}, Params: params,
		Objective: train.Objective{CE: 1}, Optimizer: o,
	}
	for _, w := range m.Weights() {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name, Decay: len(w.Shape) > 1})
	}
	trainer, err := train.New(setup)
	if err != nil {
		t.Fatal(err)
	}
	return rig{m, params, trainer}
}

func (r rig) batch(b, n int, seed uint64) train.Batch {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := train.Batch{B: b, T: n}
	for range b * n {
		x.IDs = append(x.IDs, rng.Int32N(int32(r.model.Vocab)))
		x.Targets = append(x.Targets, rng.Int32N(int32(r.model.Vocab)))
	}
	return x
}

func (r rig) values(t *testing.T) map[string][]float32 {
	t.Helper()
	all := map[string][]float32{}
	for _, name := range r.params.Names() {
		data, err := r.params.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	return all
}

// newPair is a student with a linear layer whose teacher has its weights.
func newPair(t *testing.T, objective train.Objective) rig {
	t.Helper()
	net, store := nntest.Random(t, map[string]any{
		"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "head_dim": 8, "tie_word_embeddings": false,
	}, "hedgehog,window=8", "softmax")
	params := net.Weights.(*nn.Params)
	teacher := nn.Net{Model: nntest.WithMixers(t, net.Model, "softmax", "softmax"), Weights: params}
	trainer, err := train.New(train.Setup{
		Backend: enginetest.Open(t), Store: store, Teacher: &teacher, Student: net, Params: params, Objective: objective,
		Tensors:   []train.Tensor{{Name: net.Model.Attention(0) + ".q_proj.weight"}},
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8},
	})
	if err != nil {
		t.Fatal(err)
	}
	return rig{net.Model, params, trainer}
}

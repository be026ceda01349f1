package train_test

import (
	"math/rand/v2"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// BenchmarkStep is a training step of every tensor of a Llama of 135 million parameters
// by cross-entropy, fp32, 8 windows of 512 tokens; tools/cuda/step.py is the same in PyTorch.
func BenchmarkStep(b *testing.B) {
	const batch, tokens, layers = 8, 512, 30
	mixers := make([]string, layers)
	for i := range mixers {
		mixers[i] = "softmax"
	}
	net, store := nntest.Random(b, map[string]any{
		"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3,
		"head_dim": 64, "tie_word_embeddings": true,
	}, mixers...)
	trainer := benchTrainer(b, net, store, 0.95)
	defer trainer.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	x := train.Batch{B: batch, T: tokens}
	for range batch * tokens {
		x.IDs, x.Targets = append(x.IDs, rng.Int32N(49152)), append(x.Targets, rng.Int32N(49152))
	}
	step := 1
	if _, err := trainer.Step(step, []float64{1e-4}, x); err != nil { // compiles
		b.Fatal(err)
	}
	for b.Loop() {
		step++
		if _, err := trainer.Step(step, []float64{1e-4}, x); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batch*tokens)/b.Elapsed().Seconds(), "tokens/s")
}

// benchTrainer trains every tensor of a model on the text alone.
func benchTrainer(b *testing.B, net nn.Net, store *nn.Store, beta2 float64) *train.Trainer {
	b.Helper()
	setup := train.Setup{
		Backend: enginetest.Open(b), Store: store, Student: net, Params: net.Weights.(*nn.Params), Objective: train.Objective{CE: 1},
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: beta2, Eps: 1e-8, ClipNorm: 1},
	}
	for _, w := range net.Model.Weights() {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name})
	}
	trainer, err := train.New(setup)
	if err != nil {
		b.Fatal(err)
	}
	return trainer
}

package train_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// BenchmarkStateTracking trains models of two layers to add their inputs modulo 2
// (parity) and 3 at every place of sequences of 40, and asks them at place 64. A
// state that no step can turn round, β <= 1, cannot keep such a count for long; one
// with eigenvalues down to −1 can. "accuracy" is that of the last place, against
// chance at 1/2 and 1/3.
//
// Source: Grazzi et al. 2024, "Unlocking State-Tracking in Linear RNNs Through
// Negative Eigenvalues", arXiv:2411.12537.
func BenchmarkStateTracking(b *testing.B) {
	for _, modulus := range []int{2, 3} {
		for _, mixer := range []string{"delta", "gated-delta"} {
			for _, negative := range []bool{true, false} {
				spec := fmt.Sprintf("%s,conv=0,allow_neg_eigval=%v", mixer, negative)
				b.Run(fmt.Sprintf("mod%d/%s", modulus, spec), func(b *testing.B) {
					for b.Loop() {
						b.ReportMetric(track(b, spec, modulus), "accuracy")
					}
				})
			}
		}
	}
}

// track trains one model and returns its accuracy.
func track(b *testing.B, spec string, modulus int) float64 {
	b.Helper()
	const (
		batch, steps     = 64, 2000
		trained, tested  = 40, 64
		rate, enough, at = 3e-3, 3e-4, 100
	)
	net, store := nntest.Random(b, map[string]any{
		"vocab_size": modulus, "hidden_size": 32, "intermediate_size": 64,
		"num_attention_heads": 4, "head_dim": 16, "tie_word_embeddings": false,
	}, spec, spec)
	params := net.Weights.(*nn.Params)
	setup := train.Setup{
		Backend: enginetest.Open(b), Store: store, Student: net, Params: params, Objective: train.Objective{CE: 1},
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.98, Eps: 1e-8, WeightDecay: 0.01, ClipNorm: 1},
	}
	for _, w := range net.Model.Weights() {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name, Decay: len(w.Shape) > 1})
	}
	trainer, err := train.New(setup)
	if err != nil {
		b.Fatal(err)
	}
	defer trainer.Close()
	rng := rand.New(rand.NewPCG(1, uint64(modulus)))
	var mean float64
	for i := range steps {
		lr := rate * min(1, float64(i+1)/100) * (0.5 + 0.5*math.Cos(math.Pi*float64(i)/steps))
		metrics, err := trainer.Step(i+1, []float64{lr}, sums(rng, batch, trained, modulus))
		if err != nil {
			b.Fatal(err)
		}
		if mean = 0.9*mean + 0.1*metrics.Loss; i > at && mean < enough {
			break
		}
	}
	decoder, err := infer.NewDecoder(infer.Model{Backend: setup.Backend, Store: store, Net: net})
	if err != nil {
		b.Fatal(err)
	}
	defer decoder.Finalize()
	var right float64
	const asked = 256
	test := sums(rng, asked, tested, modulus)
	for s := range asked {
		var ids []int
		for _, id := range test.IDs[s*tested : (s+1)*tested] {
			ids = append(ids, int(id))
		}
		logits, err := decoder.Forward(ids)
		if err != nil {
			b.Fatal(err)
		}
		last, best := logits[len(logits)-modulus:], 0
		for i := range last {
			if last[i] > last[best] {
				best = i
			}
		}
		if int32(best) == test.Targets[(s+1)*tested-1] {
			right++
		}
	}
	return right / asked
}

// sums draws digits and, as targets, what they add up to so far.
func sums(rng *rand.Rand, batch, tokens, modulus int) train.Batch {
	x := train.Batch{B: batch, T: tokens}
	for range batch {
		var sum int32
		for range tokens {
			id := rng.Int32N(int32(modulus))
			sum = (sum + id) % int32(modulus)
			x.IDs, x.Targets = append(x.IDs, id), append(x.Targets, sum)
		}
	}
	return x
}

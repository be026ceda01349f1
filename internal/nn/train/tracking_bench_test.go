package train_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// BenchmarkStateTracking trains models of two layers on sequences of 40 tokens to add
// digits modulo 2 (parity), and modulo 3, and asks them at token 64. A state that no
// step can turn round, β <= 1, cannot keep such a count for long; one with eigenvalues
// down to −1 can. One step is a reflection at most, so that a turn by a third takes
// two: modulo 3, each digit is followed by a token at which the sum is asked.
// "accuracy" is that of the last place, where guessing has 1/2 and 1/3.
//
// Source: Grazzi et al. 2024, "Unlocking State-Tracking in Linear RNNs Through
// Negative Eigenvalues", arXiv:2411.12537.
func BenchmarkStateTracking(b *testing.B) {
	for _, modulus := range []int{2, 3} {
		for _, mixer := range []string{"delta", "gated-delta"} {
			for _, negative := range []bool{true, false} {
				spec := fmt.Sprintf("%s,conv=0,beta_bias,allow_neg_eigval=%v", mixer, negative)
				b.Run(fmt.Sprintf("mod%d/%s", modulus, spec), func(b *testing.B) {
					for b.Loop() {
						accuracy := track(b, spec, modulus)
						b.ReportMetric(accuracy, "accuracy")
						if negative && accuracy < 0.99 || !negative && accuracy > 0.6 {
							b.Errorf("accuracy at token 64 is %.3f, want >= 0.99 with negative eigenvalues and <= 0.6 without", accuracy)
						}
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
		batch, steps    = 64, 5000
		trained, tested = 40, 64
	)
	// Turns by a third take longer to learn, and have to be exact to hold for so long.
	rate, enough := 3e-3, 3e-4
	if modulus == 3 {
		rate, enough = 1e-2, 1e-5
	}
	net, store := nntest.Random(b, map[string]any{
		"vocab_size": modulus + 1, "hidden_size": 32, "intermediate_size": 64,
		"num_attention_heads": 4, "head_dim": 16, "tie_word_embeddings": false,
	}, spec, spec)
	trainer := benchTrainer(b, net, store, 0.98)
	defer trainer.Close()
	rng := rand.New(rand.NewPCG(1, uint64(modulus)))
	var mean float64
	for i := range steps {
		lr := rate * min(1, float64(i+1)/100) * min(1, 5*float64(steps-i)/steps)
		metrics, err := trainer.Step(i+1, []float64{lr}, sums(rng, batch, trained, modulus))
		if err != nil {
			b.Fatal(err)
		}
		if mean = 0.9*mean + 0.1*metrics.Loss; mean < enough {
			break
		}
	}
	decoder, err := infer.NewDecoder(infer.Model{Backend: trainer.Backend, Store: store, Net: net})
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
		last, best := logits[len(logits)-modulus-1:], 0
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

// sums draws digits and, as targets, what they add up to so far. Modulo 3 every other
// token is none, id 3, and is itself the target at the digits.
func sums(rng *rand.Rand, batch, tokens, modulus int) train.Batch {
	x := train.Batch{B: batch, T: tokens}
	none := int32(modulus)
	for range batch {
		var sum int32
		for t := range tokens {
			switch {
			case modulus == 2:
				id := rng.Int32N(none)
				sum = (sum + id) % none
				x.IDs, x.Targets = append(x.IDs, id), append(x.Targets, sum)
			case t%2 == 0:
				id := rng.Int32N(none)
				sum = (sum + id) % none
				x.IDs, x.Targets = append(x.IDs, id), append(x.Targets, none)
			default:
				x.IDs, x.Targets = append(x.IDs, none), append(x.Targets, sum)
			}
		}
	}
	return x
}

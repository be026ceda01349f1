// Package mixbench times one layer's mixer, or one recurrence alone, at a given
// number of tokens.
package mixbench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
	"github.com/seed-1411d8c0/linearize/internal/rusage"
)

// Layer is what a mixer is measured in: a layer of SmolLM-135M, one sequence.
var Layer = arch.Model{
	Hidden: 576, Heads: 9, KVHeads: 3, HeadDim: 64, NormEps: 1e-5,
	Rope: arch.Rope{Theta: 10000, Dim: 64},
}

// Chunk is the number of tokens in a block of a kernel.
const Chunk = 64

// Times are the seconds that calls took, by the clock and of processors.
type Times struct {
	Seconds   []float64 `json:"seconds"`
	Processor []float64 `json:"processor_seconds"`
}

// Kernels are the recurrences that can be measured alone.
var Kernels = []string{"linear", "decay", "channel", "delta", "gated-delta", "kda"}

// Kernel measures a recurrence alone, forward and backward with respect to all its
// inputs, at [9, 1, tokens, 64] in blocks of [Chunk].
func Kernel(e compute.Backend, kind string, tokens int, least time.Duration) (Times, error) {
	h, d := Layer.Heads, Layer.HeadDim
	args := []any{random(h, 1, tokens, d), random(h, 1, tokens, d), random(h, 1, tokens, d)}
	var decay, beta bool
	switch kind {
	case "decay", "gated-delta":
		args, decay = append(args, negative(h, 1, tokens, 1)), true
	case "channel", "kda":
		args, decay = append(args, negative(h, 1, tokens, d)), true
	}
	switch kind {
	case "delta", "gated-delta", "kda":
		args, beta = append(args, negative(h, 1, tokens, 1)), true
	}
	return run(e, func(in []*Node) []*Node {
		rest := in[3:]
		s := scan.Inputs{Q: in[0], K: MulScalar(in[1], 1/math.Sqrt(float64(d))), V: in[2]}
		if decay {
			s.LogDecay, rest = rest[0], rest[1:]
		}
		if beta {
			s.Beta = Exp(rest[0])
		}
		o, _ := s.Chunked(Chunk, false)
		return Gradient(ReduceAllSum(Square(o)), in...)
	}, args, least)
}

func run(e compute.Backend, graph func(in []*Node) []*Node, args []any, least time.Duration) (Times, error) {
	exec, err := NewExec(e, graph)
	if err != nil {
		return Times{}, err
	}
	defer exec.Finalize()
	return timed(least, func() error {
		out, err := exec.Call(args...)
		if err != nil {
			return err
		}
		return finish(out)
	})
}

// timed measures calls for at least so long, the first of which, that compiles, apart.
func timed(least time.Duration, call func() error) (t Times, err error) {
	var spent time.Duration
	for i := 0; i <= 1 || spent < least; i++ {
		start, processor := time.Now(), rusage.ProcessorTime()
		if err := call(); err != nil {
			return t, fmt.Errorf("run: %w", err)
		}
		if took := time.Since(start); i > 0 {
			t.Seconds, spent = append(t.Seconds, took.Seconds()), spent+took
			t.Processor = append(t.Processor, (rusage.ProcessorTime() - processor).Seconds())
		}
	}
	return t, nil
}

// finish waits for results, since an engine may return before it has computed, and frees
// them.
func finish(out []*tensors.Tensor) error {
	for _, o := range out {
		if err := errors.Join(o.ToLocal(), o.FinalizeAll()); err != nil {
			return err
		}
	}
	return nil
}

// random is N(0, 1/last dimension): products of such stay near 1.
func random(shape ...int) *tensors.Tensor {
	return drawn(func(v, scale float64) float64 { return v * scale }, shape)
}

// negative is −|N(0, 1)|/10, as log-decays and logarithms of β are.
func negative(shape ...int) *tensors.Tensor {
	return drawn(func(v, _ float64) float64 { return -math.Abs(v) / 10 }, shape)
}

func drawn(form func(v, scale float64) float64, shape []int) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(1, uint64(len(shape))))
	n := 1
	for _, d := range shape {
		n *= d
	}
	scale := 1 / math.Sqrt(float64(shape[len(shape)-1]))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(form(rng.NormFloat64(), scale))
	}
	return tensors.FromFlatDataAndDimensions(v, shape...)
}

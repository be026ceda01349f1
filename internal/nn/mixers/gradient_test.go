package mixers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// gradientTolerance is looser than that of values: a gradient is a longer sum,
// and differences of the oracle add about 1e-8.
const gradientTolerance = 1e-4

// gradients returns the gradient of Σ heads ⊙ project with respect to x and every
// tensor, in the order of r.names with x first, and the loss.
func (r *rig) gradients(tb testing.TB, chunk int, x [][][]float64, project []float64) (all [][]float64) {
	tb.Helper()
	how := call{chunk: chunk, start: true, noState: true}
	e := MustNewExec(r.engine, func(in []*Node) []*Node {
		last := len(in) - 1
		l, x, from := r.layer(how, in[:last])
		y, _ := For(r.mixer.Name).Chunked(l, x, from)
		wrt := append([]*Node{x}, in[4:last]...)
		return Gradient(ReduceAllSum(Mul(y, in[last])), wrt...)
	})
	defer e.Finalize()
	args := append(r.arguments(x, carried{}), numtest.Tensor(project, len(x), len(x[0]), r.model.Queries()))
	out, err := e.Call(args...)
	if err != nil {
		tb.Fatalf("%s: gradient: %v", r.mixer, err)
	}
	for _, o := range out {
		all = append(all, numtest.Of(o))
	}
	return all
}

// TestGradientsAreRecomputed: the gradients written by hand also hold when the
// forward pass is recomputed for them.
func TestGradientsAreRecomputed(t *testing.T) {
	for _, spec := range append(Names(), "hedgehog,window=16", "hedgehog,window=16,sinks=4,terrace,feature_map=exp") {
		r := newRig(t, testModel(), spec)
		e := MustNewExec(r.engine, func(in []*Node) []*Node {
			l, x, from := r.layer(call{chunk: 16, start: true, noState: true}, in)
			plain, _ := For(r.mixer.Name).Chunked(l, x, from)
			saved, _ := For(r.mixer.Name).Chunked(l, x.Checkpoint(), from)
			saved = saved.StopCheckpoint()
			return append(
				Gradient(ReduceAllSum(Square(plain)), append([]*Node{x}, in[4:]...)...),
				Gradient(ReduceAllSum(Square(saved)), append([]*Node{x}, in[4:]...)...)...)
		})
		out, err := e.Call(r.arguments(r.input(1, 40), carried{})...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(out) / 2 {
			numtest.Near(t, spec+": gradient", numtest.Of(out[len(out)/2+i]), numtest.Of(out[i]), 1e-6)
		}
		e.Finalize()
	}
}

func TestGradientsAreOracles(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			all := []struct{ tokens, chunk int }{{40, 16}, {1, 16}, {17, 16}, {23, 64}}
			if compiles {
				all = all[:1]
			}
			for _, c := range all {
				x := r.input(1, c.tokens)
				rng := rand.New(rand.NewPCG(5, 6))
				project := normal(rng, c.tokens*r.model.Queries(), 1)
				got := r.gradients(t, c.chunk, x, project)
				loss := func() float64 { return numtest.Dot(r.training(x), project) }
				for i, name := range append([]string{"x"}, r.names...) {
					var sampled, want []float64
					for range 5 {
						at := rng.IntN(len(got[i]))
						place := &x[0][at/r.model.Hidden%c.tokens][at%r.model.Hidden]
						if i > 0 {
							place = &r.values[name][at]
						}
						sampled, want = append(sampled, got[i][at]), append(want, numtest.Slope(place, loss))
					}
					quench(sampled, want)
					numtest.Near(t, fmt.Sprintf("T=%d chunk=%d: gradient of %s", c.tokens, c.chunk, name), sampled, want, gradientTolerance)
				}
			}
		})
	}
}

// TestGradientsOfManyTokens takes a sequence of several blocks, whose oracle is slow, in
// one random direction of all inputs and tensors at once. Its step is small: over so
// many numbers even this one moves a sharp maximum.
func TestGradientsOfManyTokens(t *testing.T) {
	const tokens, h = 257, 1e-7
	if compiles {
		t.Skip("the graphs are those of shorter sequences, and each takes long to compile")
	}
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			r := newRig(t, testModel(), spec)
			x := r.input(1, tokens)
			rng := rand.New(rand.NewPCG(7, 8))
			project := normal(rng, tokens*r.model.Queries(), 1)
			var places []*float64
			for i := range x[0] {
				for j := range x[0][i] {
					places = append(places, &x[0][i][j])
				}
			}
			for _, name := range r.names {
				for i := range r.values[name] {
					places = append(places, &r.values[name][i])
				}
			}
			got := slices.Concat(r.gradients(t, 64, x, project)...)
			direction := normal(rng, len(places), 1)
			along := func(step float64) float64 {
				for i, d := range direction {
					*places[i] += step * d
				}
				return numtest.Dot(r.training(x), project)
			}
			want := (along(h) - along(-2*h)) / (2 * h)
			var sum, squares float64
			for i, d := range direction {
				sum += got[i] * d
				squares += got[i] * d * got[i] * d
			}
			if gap, limit := math.Abs(sum-want), gradientTolerance*math.Sqrt(squares); !(gap < limit) {
				t.Errorf("slope %v, want %v within %.2g", sum, want, limit)
			}
		})
	}
}

// quench overlooks differences that are the noise of fp32 and of the finite
// differences: of a tensor without influence, as a feature map while all keys are in
// the window, or with almost none, as queries and keys of a single token before an
// RMSNorm, which takes the length out again: terms of order 1 cancel there.
func quench(got, want []float64) {
	const noise = 5e-6
	for i := range got {
		if math.Abs(got[i]-want[i]) < noise {
			got[i] = want[i]
		}
	}
}

// TestNothingOverflows runs the ends of what is possible: one token, many, inputs of 0,
// and tensors far larger than training leaves them.
func TestNothingOverflows(t *testing.T) {
	for _, spec := range append(Names(), "hedgehog,window=16", "hedgehog,feature_map=relu", "hedgehog,window=16,sinks=4,terrace,feature_map=exp", "mamba2,decay=sigmoid,groups=1", "lightning,decay=slopes", "softmax,window=16,sinks=3,sink_logit") {
		t.Run(spec, func(t *testing.T) {
			for _, c := range []struct {
				tokens int
				scale  float64
				silent bool // inputs, queries, keys and values are 0
			}{{1, 1, false}, {1, 20, false}, {20, 1, true}, {100, 20, false}, {4097, 1, false}} {
				if spec == "softmax" && c.tokens > 1000 {
					continue // quadratic, and nothing in it sums over blocks
				}
				if compiles && c.scale == 1 && c.tokens <= 20 {
					continue
				}
				r := newRig(t, testModel(), spec)
				r.scale(c.scale)
				x := r.input(1, c.tokens)
				if c.silent {
					x = [][][]float64{slices.Repeat([][]float64{make([]float64, r.model.Hidden)}, c.tokens)}
					for _, p := range []string{"q_proj.bias", "k_proj.bias", "v_proj.bias"} {
						clear(r.values[p])
					}
				}
				what := fmt.Sprintf("T=%d, tensors times %v, silent %v", c.tokens, c.scale, c.silent)
				heads, next := r.run(t, call{noState: spec == "softmax"}, x, carried{})
				numtest.Finite(t, what+": heads", heads)
				for _, s := range next.tensors {
					numtest.Finite(t, what+": state", numtest.Of(s))
				}
				project := slices.Repeat([]float64{1}, len(heads))
				for i, g := range r.gradients(t, 0, x, project) {
					numtest.Finite(t, what+": gradient of "+append([]string{"x"}, r.names...)[i], g)
				}
			}
		})
	}
}

package scan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

func TestChunkedIsRecurrence(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, tokens := range []int{1, 2, 17, 63, 64, 65, 130, 257} {
				for _, size := range []int{16, 64} {
					if compiles && tokens != 65 {
						continue
					}
					s := r.sequence(uint64(tokens), sizes{2, 1, tokens, 5, 3})
					o, after := s.chunked(t, size)
					wantO, wantAfter := s.recurrence()
					numtest.Near(t, title(s.sizes, size)+": o", o, wantO, valueTolerance)
					numtest.Near(t, title(s.sizes, size)+": after", after, wantAfter, valueTolerance)
				}
			}
		})
	}
}

// TestStateIsCarried splits 20 tokens at every place into two chunked calls, and runs
// them by steps. No state at the start is a state of zeros.
func TestStateIsCarried(t *testing.T) {
	const tokens = 20
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			s := r.sequence(3, sizes{2, 2, tokens, 6, 3})
			wantO, wantAfter := s.recurrence()
			for split := 1; split < tokens; split++ {
				if compiles && split != 7 {
					continue
				}
				o, after := s.span(0, split).chunked(t, 8)
				numtest.Near(t, fmt.Sprintf("o before %d", split), o, s.part(wantO, 0, split), valueTolerance)
				o, after = s.span(split, tokens).starting(after).chunked(t, 8)
				numtest.Near(t, fmt.Sprintf("o from %d", split), o, s.part(wantO, split, tokens), valueTolerance)
				numtest.Near(t, fmt.Sprintf("after, split at %d", split), after, wantAfter, valueTolerance)
			}
			after := s.data["first"]
			for at := range tokens {
				var o []float64
				o, after = s.span(at, at+1).starting(after).step(t)
				numtest.Near(t, fmt.Sprintf("o of step %d", at), o, s.part(wantO, at, at+1), valueTolerance)
				if compiles && at == 1 {
					return
				}
			}
			numtest.Near(t, "after all steps", after, wantAfter, valueTolerance)

			// Without a state at the start there are zeros.
			rest := s.span(3, tokens)
			wantO, wantAfter = rest.recurrence()
			for what, run := range map[string]*sequence{"none": rest, "zeros": rest.starting(make([]float64, len(wantAfter)))} {
				o, after := run.chunked(t, 8)
				numtest.Near(t, "o from "+what, o, wantO, valueTolerance)
				numtest.Near(t, "after, from "+what, after, wantAfter, valueTolerance)
			}
		})
	}
}

// part takes tokens from … to-1 of an output.
func (s *sequence) part(o []float64, from, to int) []float64 {
	var out []float64
	for i := range s.h * s.b {
		out = append(out, o[(i*s.t+from)*s.v:(i*s.t+to)*s.v]...)
	}
	return out
}

// gradients of Σ o ⊙ ofO + Σ after ⊙ ofAfter, by name, with the loss of the recurrence.
func (s *sequence) gradients(tb testing.TB, size int, ofO, ofAfter []float64) map[string][]float64 {
	tb.Helper()
	args := append(s.tensors(), numtest.Tensor(ofO, s.h, s.b, s.t, s.v), numtest.Tensor(ofAfter, s.h, s.b, s.k, s.v))
	out := call(tb, func(in []*Node) []*Node {
		n := len(s.names)
		o, after := s.inputs(in[:n]).Chunked(size, true)
		loss := Add(ReduceAllSum(Mul(o, in[n])), ReduceAllSum(Mul(after, in[n+1])))
		return Gradient(loss, in[:n]...)
	}, args)
	all := map[string][]float64{}
	for i, name := range s.names {
		all[name] = out[i]
	}
	return all
}

func TestGradients(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, c := range []struct{ tokens, size int }{{1, 16}, {23, 16}, {40, 16}, {70, 64}} {
				if compiles && c.tokens != 40 {
					continue
				}
				s := r.sequence(11, sizes{1, 2, c.tokens, 5, 3})
				rng := rand.New(rand.NewPCG(4, 4))
				ofO, ofAfter := normal(rng, 2*c.tokens*s.v), normal(rng, 2*s.k*s.v)
				got := s.gradients(t, c.size, ofO, ofAfter)
				loss := func() float64 {
					o, after := s.recurrence()
					return numtest.Dot(o, ofO) + numtest.Dot(after, ofAfter)
				}
				for _, name := range s.names {
					var sampled, want []float64
					for range 12 {
						at := rng.IntN(len(got[name]))
						sampled = append(sampled, got[name][at])
						want = append(want, numtest.Slope(&s.data[name][at], loss))
					}
					numtest.Near(t, title(s.sizes, c.size)+": gradient of "+name, sampled, want, gradientTolerance)
				}
			}
		})
	}
}

// TestNothingOverflows runs the ends of what is possible, forward and backward: one
// token and thousands.
func TestNothingOverflows(t *testing.T) {
	for _, r := range rules {
		for _, tokens := range []int{1, 4097} {
			if compiles && tokens > 1 {
				continue
			}
			s := r.sequence(5, sizes{1, 1, tokens, 8, 4})
			o, after := s.chunked(t, 64)
			numtest.Finite(t, r.name+": o", o)
			numtest.Finite(t, r.name+": after", after)
			wantO, wantAfter := s.recurrence()
			numtest.Near(t, r.name+": o", o, wantO, valueTolerance)
			numtest.Near(t, r.name+": after", after, wantAfter, valueTolerance)
			for name, g := range s.gradients(t, 64, o, after) {
				numtest.Finite(t, r.name+": gradient of "+name, g)
			}
		}
	}
}

// TestStatesAt: the recurrence between blocks, over groups of groups.
func TestStatesAt(t *testing.T) {
	const h, b, k, v = 2, 1, 3, 2
	for _, n := range []int{1, 2, 15, 16, 17, 40, 300} {
		for _, width := range []int{0, 1, k} {
			if compiles && (n != 40 || width == 0) {
				continue
			}
			rng := rand.New(rand.NewPCG(uint64(n), 1))
			first, written := normal(rng, h*b*k*v), normal(rng, h*b*n*k*v)
			log := normal(rng, h*b*n*width)
			for i := range log {
				log[i] = -math.Exp(3 * log[i])
			}
			want := make([]float64, h*b*(n+1)*k*v)
			for head := range h * b {
				state := first[head*k*v : (head+1)*k*v]
				for block := range n + 1 {
					at := want[(head*(n+1)+block)*k*v:][:k*v]
					copy(at, state)
					if block == n {
						break
					}
					next := make([]float64, k*v)
					for i := range next {
						decay := 0.0
						if width > 0 {
							decay = log[(head*n+block)*width+i/v%width]
						}
						next[i] = math.Exp(decay)*at[i] + written[(head*n+block)*k*v+i]
					}
					state = next
				}
			}
			args := []any{numtest.Tensor(first, h, b, k, v), numtest.Tensor(written, h, b, n, k, v)}
			switch width {
			case 1:
				args = append(args, numtest.Tensor(log, h, b, n))
			case k:
				args = append(args, numtest.Tensor(log, h, b, n, k))
			}
			got := call(t, func(in []*Node) []*Node {
				if len(in) == 2 {
					in = append(in, nil)
				}
				starts, after := StatesAt(in[0], in[1], in[2])
				return []*Node{Concatenate([]*Node{starts, InsertAxes(after, 2)}, 2)}
			}, args)
			numtest.Near(t, fmt.Sprintf("N=%d, %d decays a block", n, width), got[0], want, valueTolerance)
		}
	}
}

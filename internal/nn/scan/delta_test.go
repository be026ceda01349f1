package scan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// TestHardTokens: what makes the triangular systems of the delta and the general rule
// as large as they get, and tokens that do nothing.
func TestHardTokens(t *testing.T) {
	fill := func(v []float64, with float64) {
		for i := range v {
			v[i] = with
		}
	}
	sameKeys := func(s *sequence, name string) {
		for at := s.k; at < len(s.data[name]); at += s.k {
			if at/s.k%s.t > 0 {
				copy(s.data[name][at:at+s.k], s.data[name][at-s.k:at])
			}
		}
	}
	delta := []string{"beta", "decay"}
	for _, c := range []struct {
		name      string
		reads     []string
		change    func(s *sequence)
		tolerance float64
	}{
		{"one key, replaced each time", delta, func(s *sequence) {
			sameKeys(s, "k")
			fill(s.data["beta"], 1)
			fill(s.data["decay"], 0)
		}, valueTolerance},
		{"one key, reflected each time", delta, func(s *sequence) {
			sameKeys(s, "k")
			fill(s.data["beta"], 2)
			fill(s.data["decay"], 0)
		}, 1e-4}, // one and the same rounding of |k|², 257 times
		{"reflections", delta, func(s *sequence) {
			fill(s.data["beta"], 2)
			fill(s.data["decay"], 0)
		}, valueTolerance},
		{"no token writes", delta, func(s *sequence) { fill(s.data["beta"], 0) }, valueTolerance},
		{"every token forgets", delta, func(s *sequence) { fill(s.data["decay"], -60) }, valueTolerance},
		{"every row forgets", []string{"beta", "rows"}, func(s *sequence) { fill(s.data["rows"], -60) }, valueTolerance},
		{"keys of 0", delta, func(s *sequence) { fill(s.data["k"], 0) }, valueTolerance},
		{"one key removed, all of it", []string{"remove", "write", "rows"}, func(s *sequence) {
			sameKeys(s, "remove")
			copy(s.data["write"], s.data["remove"])
			for i := range s.data["write"] {
				s.data["write"][i] *= -1
			}
		}, valueTolerance},
		{"every row forgets, generally", []string{"remove", "write", "rows"}, func(s *sequence) {
			fill(s.data["rows"], -60)
		}, valueTolerance},
	} {
		if compiles && c.name != "reflections" {
			continue
		}
		for _, tokens := range []int{17, 257} {
			for _, size := range []int{16, 64} {
				if compiles && (tokens != 17 || size != 16) {
					continue
				}
				s := rule{name: c.name, reads: c.reads, decays: mild}.sequence(9, sizes{1, 2, tokens, 6, 3})
				c.change(s)
				o, after := s.chunked(t, size)
				wantO, wantAfter := s.recurrence()
				what := c.name + ", " + title(s.sizes, size)
				numtest.Near(t, what+": o", o, wantO, c.tolerance)
				numtest.Near(t, what+": after", after, wantAfter, c.tolerance)
				for name, g := range s.gradients(t, size, o, after) {
					numtest.Finite(t, what+": gradient of "+name, g)
				}
			}
		}
	}
}

// TestStatesThrough: the recurrence between blocks with matrices.
func TestStatesThrough(t *testing.T) {
	const h, b, k, v = 2, 1, 3, 2
	for _, n := range []int{1, 2, 3, 4, 5, 7, 16, 33} {
		if compiles && n != 5 {
			continue
		}
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		first, m, x := normal(rng, h*b*k*v), normal(rng, h*b*n*k*k), normal(rng, h*b*n*k*v)
		for i := range m {
			m[i] /= 2
		}
		var want, ends []float64
		for head := range h * b {
			state := first[head*k*v : (head+1)*k*v]
			for block := head * n; block < (head+1)*n; block++ {
				want = append(want, state...)
				next := slices.Clone(x[block*k*v : (block+1)*k*v])
				for i := range next {
					for j := range k {
						next[i] += m[block*k*k+i/v*k+j] * state[j*v+i%v]
					}
				}
				state = next
			}
			ends = append(ends, state...)
		}
		got := call(t, func(in []*Node) []*Node {
			before, after := statesThrough(in[0], in[1], in[2])
			return []*Node{before, after}
		},
			[]any{numtest.Tensor(first, h, b, k, v), numtest.Tensor(m, h, b, n, k, k), numtest.Tensor(x, h, b, n, k, v)})
		numtest.Near(t, fmt.Sprintf("N=%d: before", n), got[0], want, valueTolerance)
		numtest.Near(t, fmt.Sprintf("N=%d: after", n), got[1], ends, valueTolerance)
	}
}

// TestGradientsAreRecomputed: the gradients written by hand also hold when the
// forward pass is recomputed for them.
func TestGradientsAreRecomputed(t *testing.T) {
	for _, r := range rules {
		if compiles && r.name != "delta" {
			continue
		}
		s := r.sequence(2, sizes{1, 1, 40, 5, 3})
		out := call(t, func(in []*Node) []*Node {
			plain, _ := s.inputs(in).Chunked(16, false)
			again := slices.Clone(in)
			for i := range again {
				again[i] = in[i].Checkpoint()
			}
			saved, _ := s.inputs(again).Chunked(16, false)
			return append(
				Gradient(ReduceAllSum(Square(plain)), in...),
				Gradient(ReduceAllSum(Square(saved.StopCheckpoint())), in...)...)
		}, s.tensors())
		for i, name := range s.names {
			numtest.Near(t, r.name+": gradient of "+name, out[len(s.names)+i], out[i], 1e-6)
		}
	}
}

// TestGradientsOfPartsAddUp takes two gradients through one graph: what the first left
// behind must not be in the second.
func TestGradientsOfPartsAddUp(t *testing.T) {
	for _, r := range rules {
		if compiles && r.name != "delta" {
			continue
		}
		s := r.sequence(6, sizes{1, 2, 40, 5, 3})
		n := len(s.names)
		out := call(t, func(in []*Node) []*Node {
			o, after := s.inputs(in).Chunked(16, true)
			ofO, ofAfter := ReduceAllSum(Square(o)), ReduceAllSum(Square(after))
			whole := Gradient(Add(ofO, ofAfter), in...)
			for i, of := range []*Node{ofO, ofAfter} {
				for j, part := range Gradient(of, in...) {
					if i == 0 {
						whole = append(whole, part)
					} else {
						whole[n+j] = Add(whole[n+j], part)
					}
				}
			}
			return whole
		}, s.tensors())
		for i, name := range s.names {
			numtest.Near(t, r.name+": gradient of "+name, out[n+i], out[i], 1e-5)
		}
	}
}

package scan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
)

// compiles: the engine takes about a second for each graph, so that the tests take
// fewer of them.
var compiles = enginetest.Name() != "go"

// The tolerances are relative to the RMS of what is wanted. Values are fp32 sums of
// up to 4097 tokens; gradients are longer sums.
const (
	valueTolerance    = 1e-5
	gradientTolerance = 1e-4
)

// rule is one recurrence with the kind of numbers it is tested with. A rule joins
// every test by a line in rules.
type rule struct {
	name   string
	reads  []string   // besides q, k and v: decay (of tokens) or rows (decay of each row), beta, remove, write
	decays [2]float64 // −log α is drawn evenly in its logarithm between these; one in ten is 0
}

var (
	mild    = [2]float64{1e-3, 0.5}
	extreme = [2]float64{1e-6, 60}
)

var rules = []rule{
	{name: "additive"},
	{name: "additive with mild decay", reads: []string{"decay"}, decays: mild},
	{name: "additive with any decay", reads: []string{"decay"}, decays: extreme},
	{name: "additive with mild decay of rows", reads: []string{"rows"}, decays: mild},
	{name: "additive with any decay of rows", reads: []string{"rows"}, decays: extreme},
	{name: "delta", reads: []string{"beta"}},
	{name: "delta with any decay", reads: []string{"beta", "decay"}, decays: extreme},
	{name: "delta with mild decay of rows", reads: []string{"beta", "rows"}, decays: mild},
	{name: "delta with any decay of rows", reads: []string{"beta", "rows"}, decays: extreme},
	{name: "general", reads: []string{"remove", "write"}},
	{name: "general with any decay", reads: []string{"remove", "write", "decay"}, decays: extreme},
	{name: "general with mild decay of rows", reads: []string{"remove", "write", "rows"}, decays: mild},
	{name: "general with any decay of rows", reads: []string{"remove", "write", "rows"}, decays: extreme},
}

// sizes of one run.
type sizes struct{ h, b, t, k, v int }

// sequence is what the inputs of a run hold by name, in the layouts of [Inputs].
type sequence struct {
	sizes
	rule  rule
	data  map[string][]float64
	names []string // of data, in a fixed order
}

func (r rule) sequence(seed uint64, s sizes) *sequence {
	rng := rand.New(rand.NewPCG(seed, 7))
	tokens := s.h * s.b * s.t
	seq := &sequence{sizes: s, rule: r, data: map[string][]float64{}}
	put := func(name string, data []float64) {
		for i := range data { // as fp32 holds it, so that both sides compute with the same
			data[i] = float64(float32(data[i]))
		}
		seq.names = append(seq.names, name)
		seq.data[name] = data
	}
	put("q", normal(rng, tokens*s.k))
	put("k", normal(rng, tokens*s.k))
	put("v", normal(rng, tokens*s.v))
	put("first", normal(rng, s.h*s.b*s.k*s.v))
	decays := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			if rng.IntN(10) > 0 {
				least, most := math.Log(r.decays[0]), math.Log(r.decays[1])
				out[i] = -math.Exp(least + (most-least)*rng.Float64())
			}
		}
		return out
	}
	for _, name := range r.reads {
		switch name {
		case "decay":
			put(name, decays(tokens))
		case "rows":
			put(name, decays(tokens*s.k))
		case "beta": // up to 2: negative eigenvalues
			unit(seq.data["k"], s.k)
			beta := make([]float64, tokens)
			for i := range beta {
				beta[i] = 2 * rng.Float64()
			}
			put(name, beta)
		case "remove":
			put(name, unit(normal(rng, tokens*s.k), s.k))
		case "write": // as RWKV-7 has it: what is removed, with the opposite sign and partly
			part := slices.Clone(seq.data["remove"])
			for i := range part {
				part[i] *= -rng.Float64()
			}
			put(name, part)
		}
	}
	return seq
}

// dims are the dimensions of an input.
func (s *sequence) dims(name string) []int {
	switch name {
	case "first":
		return []int{s.h, s.b, s.k, s.v}
	case "v":
		return []int{s.h, s.b, s.t, s.v}
	case "decay", "beta":
		return []int{s.h, s.b, s.t, 1}
	}
	return []int{s.h, s.b, s.t, s.k}
}

// span takes tokens from … to-1; from > 0 leaves first out.
func (s *sequence) span(from, to int) *sequence {
	out := &sequence{sizes: s.sizes, rule: s.rule, data: map[string][]float64{}}
	out.t = to - from
	for _, name := range s.names {
		if name == "first" {
			if from == 0 {
				out.names, out.data[name] = append(out.names, name), s.data[name]
			}
			continue
		}
		width := s.dims(name)[3]
		var data []float64
		for i := range s.h * s.b {
			data = append(data, s.data[name][(i*s.t+from)*width:(i*s.t+to)*width]...)
		}
		out.names, out.data[name] = append(out.names, name), data
	}
	return out
}

// starting is the sequence with another state before it.
func (s *sequence) starting(first []float64) *sequence {
	out := s.span(0, s.t)
	if _, ok := out.data["first"]; !ok {
		out.names = append(out.names, "first")
	}
	out.data["first"] = first
	return out
}

// recurrence is the rule, token by token.
func (s *sequence) recurrence() (o, after []float64) {
	o = make([]float64, s.h*s.b*s.t*s.v)
	after = make([]float64, s.h*s.b*s.k*s.v)
	copy(after, s.data["first"])
	row := func(name string, token int) []float64 {
		data, width := s.data[name], s.dims(name)[3]
		if data == nil {
			return nil
		}
		return data[token*width : (token+1)*width]
	}
	for head := range s.h * s.b {
		state := after[head*s.k*s.v : (head+1)*s.k*s.v]
		at := func(i, j int) *float64 { return &state[i*s.v+j] }
		for t := range s.t {
			token := head*s.t + t
			q, k, v := row("q", token), row("k", token), slices.Clone(row("v", token))
			removed := make([]float64, s.v) // aᵀ S_{t−1}
			for i, a := range row("remove", token) {
				for j := range s.v {
					removed[j] += a * *at(i, j)
				}
			}
			for i := range s.k {
				alpha := 1.0
				if d := row("decay", token); d != nil {
					alpha = math.Exp(d[0])
				}
				if d := row("rows", token); d != nil {
					alpha = math.Exp(d[i])
				}
				for j := range s.v {
					*at(i, j) *= alpha
				}
			}
			if beta := row("beta", token); beta != nil {
				for j := range s.v {
					var seen float64
					for i := range s.k {
						seen += *at(i, j) * k[i]
					}
					v[j] = beta[0] * (v[j] - seen)
				}
			}
			write := row("write", token)
			for i := range s.k {
				for j := range s.v {
					*at(i, j) += k[i] * v[j]
					if write != nil {
						*at(i, j) += write[i] * removed[j]
					}
					o[token*s.v+j] += *at(i, j) * q[i]
				}
			}
		}
	}
	return o, after
}

// inputs gives nodes, one for each name of the sequence, to the kernel.
func (s *sequence) inputs(nodes []*Node) Inputs {
	var in Inputs
	fields := map[string]**Node{
		"q": &in.Q, "k": &in.K, "v": &in.V, "first": &in.First,
		"decay": &in.LogDecay, "rows": &in.LogDecay, "beta": &in.Beta,
		"remove": &in.Remove, "write": &in.Write,
	}
	for i, name := range s.names {
		*fields[name] = nodes[i]
	}
	return in
}

// tensors are the sequence as the arguments of a graph.
func (s *sequence) tensors() []any {
	var all []any
	for _, name := range s.names {
		all = append(all, numtest.Tensor(s.data[name], s.dims(name)...))
	}
	return all
}

// chunked and step run the kernel.
func (s *sequence) chunked(tb testing.TB, size int) (o, after []float64) {
	tb.Helper()
	out := call(tb, func(in []*Node) []*Node {
		o, after := s.inputs(in).Chunked(size, true)
		return []*Node{o, after}
	}, s.tensors())
	return out[0], out[1]
}

func (s *sequence) step(tb testing.TB) (o, after []float64) {
	tb.Helper()
	out := call(tb, func(in []*Node) []*Node {
		o, after := s.inputs(in).Step()
		return []*Node{o, after}
	}, s.tensors())
	return out[0], out[1]
}

// call builds a graph, runs it and drops it.
func call(tb testing.TB, build func(in []*Node) []*Node, args []any) [][]float64 {
	tb.Helper()
	e, err := NewExec(backend(tb), build)
	if err != nil {
		tb.Fatal(err)
	}
	defer e.Finalize()
	out, err := e.Call(args...)
	if err != nil {
		tb.Fatal(err)
	}
	var all [][]float64
	for _, o := range out {
		all = append(all, numtest.Of(o))
	}
	return all
}

func backend(tb testing.TB) compute.Backend {
	tb.Helper()
	return enginetest.Open(tb)
}

// normal draws numbers that fp32 holds exactly, so that both sides compute with the same.
func normal(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(float32(rng.NormFloat64()))
	}
	return v
}

// unit scales each run of n numbers to length 1.
func unit(v []float64, n int) []float64 {
	for at := 0; at < len(v); at += n {
		var sum float64
		for _, x := range v[at : at+n] {
			sum += x * x
		}
		for i := at; i < at+n; i++ {
			v[i] /= math.Sqrt(sum)
		}
	}
	return v
}

// title names a run in a test's output.
func title(s sizes, size int) string { return fmt.Sprintf("T=%d K=%d V=%d C=%d", s.t, s.k, s.v, size) }

package mixers

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/oracle"
)

// specs are the mixers under test with the options that change their graphs. A
// new mixer joins every test by its lines here.
var specs = []string{
	"softmax",
	"softmax,qk_norm=rms",
	"softmax,rope=false,softcap=3",
	"softmax,window=5",
	"softmax,window=1,sinks=1",
	"softmax,window=16,sinks=3,sink_logit",
	"softmax,window=40,sinks=20,qk_norm=l2",
	"hedgehog",
	"hedgehog,feature_dim=4",
	"hedgehog,window=5",
	"hedgehog,window=1,terrace",
	"hedgehog,window=16,affine,feature_dim=5",
	"hedgehog,window=40",
	"hedgehog,feature_map=elu,map_bias,tie_maps,conv=3,qk_norm=rms,rope=false",
	"hedgehog,window=5,sinks=2,feature_map=exp,map_bias",
	"hedgehog,window=9,sinks=12,negated=false,conv=2,norm=after,norm_width=full,gate=silu,gate_rank=2",
	"hedgehog,window=7,terrace,short_overlap,tie_maps,feature_map=exp,negated=false",
	"hedgehog,window=16,terrace,sinks=3,affine,feature_map=relu,map_bias,feature_dim=9",
	"hedgehog,window=30,terrace,short_overlap,sinks=8",
	"mamba2",
	"mamba2,conv=4,learn_a=false",
	"mamba2,conv=1,gate=none",
	"mamba2,conv=0,norm=none",
	"delta",
	"delta,allow_neg_eigval,beta_bias,norm=none,gate=none",
	"delta,conv=0,rope,norm=after",
	"gated-delta",
	"gated-delta,allow_neg_eigval,conv=2,gate_rank=3",
	"gated-delta,decay=channel,gate=sigmoid",
	"gated-delta,decay=channel,decay_rank=3,allow_neg_eigval,conv=0,norm=none",
	"rwkv7,rank=3",
	"rwkv7,balance=false,bonus,rank=5,gate_rank=2",
	"mamba2,decay=sigmoid,skip,qk_norm=rms,rope",
	"mamba2,groups=1,skip,conv=4,norm=after,norm_width=full",
	"mamba2,groups=3,state_dim=5,qk_norm=rms",
	"mamba2,groups=6,state_dim=9,conv=0,decay=sigmoid,gate=none",
	"lightning",
	"lightning,decay=retnet,conv=3,gate=silu,gate_rank=2,qk_norm=l2",
	"lightning,decay=slopes,qk_norm=none,rope=false,norm=none,gate=none",
	"gla",
	"gla,window=5,decay=head",
	"gla,window=0,activation=none,decay_from=input,decay_rank=3,normaliser=4",
	"gla,window=16,activation=none,decay_from=input,decay_rank=2,decay=head,conv=2,qk_norm=rms",
	"gla,window=7,rope,norm=after,gate=silu",
	"mom",
	"mom,memories=3,top_k=1,shared=false,allow_neg_eigval,conv=0,rope",
	"mom,memories=5,top_k=3,inner=gla,balance=0,gate_rank=2",
	"mom,memories=2,shared=false,inner=gla,qk_norm=rms,conv=1,norm=none",
}

// centres are the values around which tensors are drawn, where that is not 0.
var centres = map[string]float64{
	"mixer.norm.weight":   1,
	"mixer.dt_bias":       -1,
	"mixer.q_norm.weight": 1,
	"mixer.k_norm.weight": 1,
}

// rig is one mixer with random tensors and the engine to run it on.
type rig struct {
	model    *arch.Model
	mixer    arch.Mixer
	kept     arch.Mixer // whose form a state is carried on with
	engine   compute.Backend
	names    []string
	shapes   map[string][]int
	values   map[string][]float64
	capacity int
	execs    map[call]*Exec
}

// call is one way of running the mixer: each has its own graph.
type call struct {
	step, start, noState bool
	chunk                int
}

const prefix = "layer"

// testModel has heads that share keys, a head dimension that is no power of two
// and rotates in part, and biases.
func testModel() *arch.Model {
	return &arch.Model{
		Hidden: 14, Heads: 6, KVHeads: 2, HeadDim: 6, NormEps: 1e-6,
		Rope: arch.Rope{Theta: 100, Dim: 4}, Bias: arch.Bias{QKV: true},
	}
}

func newRig(tb testing.TB, model *arch.Model, spec string) *rig {
	tb.Helper()
	mixer, err := arch.ParseMixer(spec)
	if err != nil {
		tb.Fatal(err)
	}
	kept, err := arch.ParseMixer(strings.NewReplacer(",terrace", "", ",short_overlap", "").Replace(spec))
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{
		model: model, mixer: mixer, kept: kept, engine: enginetest.Open(tb), capacity: 260,
		shapes: map[string][]int{}, values: map[string][]float64{}, execs: map[call]*Exec{},
	}
	for _, p := range model.Projections()[:3] {
		r.shapes[p.Name+".weight"] = []int{p.Out, p.In}
		if p.Bias {
			r.shapes[p.Name+".bias"] = []int{p.Out}
		}
	}
	for _, w := range mixer.Weights(model) {
		r.shapes[w.Name] = w.Shape
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name := range r.shapes {
		r.names = append(r.names, name)
	}
	slices.Sort(r.names)
	for _, name := range r.names {
		shape := r.shapes[name]
		v := normal(rng, size(shape), 1/math.Sqrt(float64(shape[len(shape)-1])))
		for i := range v {
			v[i] = float64(float32(v[i] + centres[name]))
		}
		r.values[name] = v
	}
	tb.Cleanup(func() {
		for _, e := range r.execs {
			e.Finalize()
		}
	})
	return r
}

// scale multiplies every tensor, for the tests at the edge of fp32.
func (r *rig) scale(by float64) {
	for _, v := range r.values {
		for i := range v {
			v[i] *= by
		}
	}
}

// input draws x [B][T][E].
func (r *rig) input(b, t int) [][][]float64 {
	rng := rand.New(rand.NewPCG(3, uint64(t)))
	x := make([][][]float64, b)
	for i := range x {
		for range t {
			row := normal(rng, r.model.Hidden, 1)
			for j := range row {
				row[j] = float64(float32(row[j]))
			}
			x[i] = append(x[i], row)
		}
	}
	return x
}

// oracle runs the float64 form over a batch: heads [B·T·H·D], each state [B·...]. It is
// the form that keeps a state; that of training differs with terrace alone.
func (r *rig) oracle(x [][][]float64) (heads []float64, state [][]float64) {
	return r.run64(r.kept, x)
}

// training is the oracle's heads in a call that neither has a state nor keeps one.
func (r *rig) training(x [][][]float64) (heads []float64) {
	heads, _ = r.run64(r.mixer, x)
	return heads
}

func (r *rig) run64(mixer arch.Mixer, x [][][]float64) (heads []float64, state [][]float64) {
	for _, sequence := range x {
		y, s := oracle.Run(oracle.Layer{Model: r.model, Mixer: mixer, Weights: r.values, Capacity: r.capacity}, sequence)
		heads = append(heads, slices.Concat(y...)...)
		if state == nil {
			state = make([][]float64, len(s))
		}
		for i := range s {
			state[i] = append(state[i], s[i]...)
		}
	}
	return heads, state
}

// carried is a state on the host, between two calls.
type carried struct {
	tensors []*tensors.Tensor
	seen    int
}

// run runs the graph over tokens x of the sequence that the state has seen.
func (r *rig) run(tb testing.TB, how call, x [][][]float64, from carried) (heads []float64, next carried) {
	tb.Helper()
	how.start = from.tensors == nil
	e := r.execs[how]
	if e == nil {
		e = MustNewExec(r.engine, func(in []*Node) []*Node {
			l, x, from := r.layer(how, in)
			mix := For(r.mixer.Name).Chunked
			if how.step {
				mix = For(r.mixer.Name).Step
			}
			y, s := mix(l, x, from)
			return append([]*Node{y}, s.Tensors...)
		})
		e.SetMaxCache(-1)
		r.execs[how] = e
	}
	out, err := e.Call(r.arguments(x, from)...)
	if err != nil {
		tb.Fatalf("%s: %+v: %v", r.mixer, how, err)
	}
	return numtest.Of(out[0]), carried{out[1:], from.seen + len(x[0])}
}

// arguments are x, the rotary tables, the state's length, the tensors by name,
// and the state.
func (r *rig) arguments(x [][][]float64, from carried) []any {
	t := len(x[0])
	cos, sin := ops.RotaryTable(r.model.Rope, from.seen, t, from.seen+t)
	half := r.model.Rope.Dim / 2
	args := []any{
		numtest.Tensor(slices.Concat(slices.Concat(x...)...), len(x), t, r.model.Hidden),
		tensors.FromFlatDataAndDimensions(cos, t, half), tensors.FromFlatDataAndDimensions(sin, t, half),
		int32(from.seen),
	}
	for _, name := range r.names {
		args = append(args, numtest.Tensor(r.values[name], r.shapes[name]...))
	}
	for _, s := range from.tensors {
		args = append(args, s)
	}
	return args
}

func (r *rig) layer(how call, in []*Node) (l Layer, x *Node, from State) {
	w := weights{}
	for i, name := range r.names {
		w[prefix+"."+name] = in[4+i]
	}
	l = Layer{
		Model: r.model, Mixer: r.mixer, Prefix: prefix, Weights: w,
		Rotation: ops.Rotation{Cos: in[1], Sin: in[2]},
		Chunk:    how.chunk, KeepState: !how.noState, Training: how.noState, Capacity: r.capacity,
	}
	if !how.start {
		from = State{Tensors: in[4+len(r.names):], Seen: in[3]}
	}
	return l, in[0], from
}

// empty is the state of the start of a sequence as tensors, with rubbish where
// there has been no token.
func (r *rig) empty(batch int) carried {
	var c carried
	rubbish := math.NaN()
	if r.mixer.Grows() {
		rubbish = 1e4 // masked there by what is added to its scores
	}
	for _, s := range r.mixer.State(r.model, r.capacity) {
		shape := append([]int{batch}, s.Shape...)
		v := make([]float64, size(shape))
		if s.Name == "keys" || s.Name == "values" {
			for i := range v {
				v[i] = rubbish
			}
		}
		c.tensors = append(c.tensors, numtest.Tensor(v, shape...))
	}
	return c
}

// weights are the tensors of a layer as nodes of a graph.
type weights map[string]*Node

func (w weights) Weight(_ *Graph, name string) *Node {
	n, ok := w[name]
	if !ok {
		panic("no tensor " + name)
	}
	return n
}

func (w weights) Has(name string) bool { return w[name] != nil }

func normal(rng *rand.Rand, n int, deviation float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64() * deviation
	}
	return v
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// segment takes tokens from … to-1 of every sequence.
func segment(x [][][]float64, from, to int) [][][]float64 {
	out := make([][][]float64, len(x))
	for i := range x {
		out[i] = x[i][from:to]
	}
	return out
}

// rows takes tokens from … to-1 of heads [B·T·n].
func rows(heads []float64, batch, tokens, from, to int) []float64 {
	n := len(heads) / (batch * tokens)
	var out []float64
	for b := range batch {
		out = append(out, heads[(b*tokens+from)*n:(b*tokens+to)*n]...)
	}
	return out
}

func TestSpecsCoverAllMixers(t *testing.T) {
	for _, name := range arch.Mixers() {
		For(name)
		if !slices.ContainsFunc(specs, func(s string) bool { return s == name || strings.HasPrefix(s, name+",") }) {
			t.Errorf("mixer %s: no line in specs, want one", name)
		}
	}
}

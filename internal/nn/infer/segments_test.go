package infer_test

import (
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestSegmentsOfMixers reads sequences in segments and whole, by every mixer.
func TestSegmentsOfMixers(t *testing.T) {
	all := [][]string{
		{"softmax", "softmax,window=5", "softmax,window=3,sinks=4,sink_logit"},
		{"hedgehog", "hedgehog,window=5,sinks=2,conv=3", "hedgehog,window=20,terrace"},
		{"mamba2,conv=4", "mamba2,groups=2,skip,conv=0", "softmax,softcap=3,sink_logit"},
		{"lightning", "gla,window=5", "gla,conv=2,window=16", "softmax,qk_norm=rms"},
		{"delta", "gated-delta", "gated-delta,decay=channel,conv=0", "rwkv7,rank=3", "rwkv7,bonus,balance=false,conv=2"},
		{"mom", "softmax,window=9", "mom,inner=gla,conv=2", "softmax"},
	}
	if enginetest.Name() != engine.Default { // which compiles for seconds
		all = [][]string{{"softmax", "hedgehog,window=5,sinks=2,conv=3", "gated-delta", "softmax,window=3,sinks=4,sink_logit"}}
	}
	for _, layers := range all {
		net, store := randomModel(t, layers)
		compareSegments(t, layers[0], net, store)
	}
}

// TestSegmentsOfFamilies does so with positions of every kind, those among them that
// depend on the length of the whole sequence.
func TestSegmentsOfFamilies(t *testing.T) {
	families := testdata.Families(t)
	if enginetest.Name() != engine.Default {
		families = []string{"gpt2", "phi3-longrope"}
	}
	for _, family := range families {
		net, store := nntest.Load(t, testdata.Family(t, family))
		compareSegments(t, family, net, store)
	}
}

// tokens of a sequence, and of a segment: the last is shorter, and room for the keys of
// all runs out once.
const tokens, inSegment = 31, 4

func compareSegments(t *testing.T, what string, net nn.Net, store *nn.Store) {
	t.Helper()
	m := infer.Model{Backend: enginetest.Open(t), Store: store, Net: net}
	whole := everything(t, m)
	m.Segment = inSegment
	for i, got := range everything(t, m) {
		// Sums are taken in another order.
		numtest.Near(t, what+": "+[]string{"logits", "last logits", "next logits", "losses"}[i], got, whole[i], 1e-5)
	}
}

// everything is what a model gives for a sequence and, where it takes several at once, for
// another.
func everything(t *testing.T, m infer.Model) (results [][]float64) {
	t.Helper()
	d, err := infer.NewDecoder(m)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Finalize()
	losses, err := infer.NewLosses(m)
	if err != nil {
		t.Fatal(err)
	}
	defer losses.Finalize()
	add := func(data []float32, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, numtest.Wide(data))
	}

	ids := randomIDs(2*tokens, m.Net.Model.Vocab)
	add(d.Forward(ids[:tokens]))
	s, logits, err := d.Prefill([][]int{ids[:tokens], ids[tokens:]}, tokens+1)
	add(logits, err)
	defer s.Close()
	add(s.Step(ids[:2]))
	var inputs []int32
	for _, id := range ids {
		inputs = append(inputs, int32(id))
	}
	add(losses.Of(inputs, slices.Concat(inputs[1:], inputs[:1]), 2, tokens))
	return results
}

// TestSegmentsLive reads in segments while the weights change.
func TestSegmentsLive(t *testing.T) {
	net, store := randomModel(t, []string{"softmax", "mamba2"})
	losses, err := infer.NewLosses(infer.Model{Backend: enginetest.Open(t), Store: store, Net: net, Live: true, Segment: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer losses.Finalize()
	of := func() []float32 {
		got, err := losses.Of([]int32{1, 2, 3, 4, 5}, []int32{2, 3, 4, 5, 6}, 1, 5)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := of()
	name := net.Model.FinalNorm() + ".weight"
	if err := net.Weights.(*nn.Params).Set(name, []int{net.Model.Hidden}, make([]float32, net.Model.Hidden)); err != nil {
		t.Fatal(err)
	}
	after := of()
	if slices.Equal(before, after) || slices.Min(after) != slices.Max(after) {
		t.Errorf("losses with a final norm of zeros are %v, want one number", after)
	}
}

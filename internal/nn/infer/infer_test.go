package infer_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
)

// TestStepEqualsForward holds the one-token form to the parallel form, for the
// teacher and for students, from the start and after prompts of several lengths.
func TestStepEqualsForward(t *testing.T) {
	const tokens = 40
	for _, layers := range [][]string{
		{"softmax", "softmax"},
		{"hedgehog", "hedgehog,window=7", "hedgehog,feature_dim=6,window=1", "hedgehog,window=64,affine"},
		{"mamba2", "mamba2,conv=4", "mamba2,conv=0,norm=none,gate=none,learn_a=false"},
		{"mamba2", "softmax", "hedgehog,window=16"},
	} {
		t.Run(strings.Join(layers, "+"), func(t *testing.T) {
			net, store := randomModel(t, layers)
			d := newDecoder(t, infer.Model{Net: net, Store: store})
			ids := randomIDs(tokens, net.Model.Vocab)
			want, err := d.Forward(ids)
			if err != nil {
				t.Fatal(err)
			}
			compare := func(at int, got []float32) {
				t.Helper()
				row := want[at*net.Model.Vocab : (at+1)*net.Model.Vocab]
				for i := range row {
					if !(math.Abs(float64(got[i]-row[i])) <= 1e-4) {
						t.Fatalf("logit %d of token %d is %g, want %g", i, at, got[i], row[i])
					}
				}
				if a, b := argmax(got), argmax(row); a != b {
					t.Fatalf("token %d: argmax is %d, want %d", at, a, b)
				}
			}
			steps, err := d.Steps([][]int{ids[:9]}, nil)
			if err != nil {
				t.Fatal(err)
			}
			compare(8, steps[8*net.Model.Vocab:])
			for _, prompt := range []int{0, 1, 17} {
				s := d.Start(1, tokens)
				if prompt > 0 {
					var logits []float32
					if s, logits, err = d.Prefill([][]int{ids[:prompt]}, tokens); err != nil {
						t.Fatal(err)
					}
					compare(prompt-1, logits)
				}
				for at := prompt; at < tokens; at++ {
					logits, err := s.Step(ids[at : at+1])
					if err != nil {
						t.Fatal(err)
					}
					compare(at, logits)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestBatch checks that the sequences of a batch do not see each other.
func TestBatch(t *testing.T) {
	net, store := randomModel(t, []string{"mamba2", "softmax", "hedgehog,window=4"})
	d := newDecoder(t, infer.Model{Net: net, Store: store})
	ids := randomIDs(12, net.Model.Vocab)
	alone, want, err := d.Prefill([][]int{ids[6:11]}, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	both, got, err := d.Prefill([][]int{ids[:5], ids[6:11]}, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	near := func(got, want []float32) {
		t.Helper()
		for i := range want {
			if !(math.Abs(float64(got[i]-want[i])) <= 1e-5) {
				t.Fatalf("logit %d is %g in a batch, %g alone", i, got[i], want[i])
			}
		}
	}
	near(got[net.Model.Vocab:], want)
	if want, err = alone.Step(ids[11:12]); err != nil {
		t.Fatal(err)
	}
	if got, err = both.Step([]int{ids[5], ids[11]}); err != nil {
		t.Fatal(err)
	}
	near(got[net.Model.Vocab:], want)
}

// TestLiveWeights checks that a live decoder sees what training wrote.
func TestLiveWeights(t *testing.T) {
	net, store := randomModel(t, []string{"softmax"})
	d := newDecoder(t, infer.Model{Net: net, Store: store, Live: true})
	logits := func() []float32 {
		s := d.Start(1, 4)
		defer s.Close()
		out, err := s.Step([]int{3})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := logits()
	name := net.Model.FinalNorm() + ".weight"
	if err := net.Weights.(*nn.Params).Set(name, []int{net.Model.Hidden}, make([]float32, net.Model.Hidden)); err != nil {
		t.Fatal(err)
	}
	if after := logits(); slices.Equal(before, after) || after[0] != 0 {
		t.Errorf("logits with a final norm of zeros are %v…, want zeros", after[:3])
	}
}

func TestErrors(t *testing.T) {
	net, store := randomModel(t, []string{"softmax"})
	d := newDecoder(t, infer.Model{Net: net, Store: store})
	for _, tt := range []struct {
		batch [][]int
		want  string
	}{
		{nil, "got no tokens"},
		{[][]int{{}}, "got no tokens"},
		{[][]int{{1, 2}, {1}}, "got sequences of 2 and 1 tokens"},
		{[][]int{{1}, {48}}, "has id 48, want 0 to 47"},
		{[][]int{{-1}}, "token 0 has id -1"},
	} {
		if _, _, err := d.Prefill(tt.batch, 8); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Prefill(%v) = %v, want %q", tt.batch, err, tt.want)
		}
		if _, err := d.Steps(tt.batch, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Steps(%v) = %v, want %q", tt.batch, err, tt.want)
		}
	}
	s := d.Start(1, 1)
	defer s.Close()
	for range 64 { // what the 1 was rounded up to
		if _, err := s.Step([]int{1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Step([]int{1}); err == nil || !strings.Contains(err.Error(), "room for 64") {
		t.Errorf("Step() beyond the capacity = %v, want an error", err)
	}
}

func newDecoder(tb testing.TB, m infer.Model) *infer.Decoder {
	tb.Helper()
	m.Backend = enginetest.Open(tb)
	d, err := infer.NewDecoder(m)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Finalize)
	return d
}

// randomModel is a small model with these mixers, all tensors random.
func randomModel(t *testing.T, layers []string) (nn.Net, *nn.Store) {
	t.Helper()
	return nntest.Random(t, map[string]any{
		"vocab_size": 48, "hidden_size": 40, "intermediate_size": 56,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
	}, layers...)
}

func randomIDs(n, vocab int) []int {
	random := rand.New(rand.NewPCG(3, 4))
	ids := make([]int, n)
	for i := range ids {
		ids[i] = random.IntN(vocab)
	}
	return ids
}

func argmax(xs []float32) int { return slices.Index(xs, slices.Max(xs)) }

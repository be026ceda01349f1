package generate_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/generate"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// TestStories260K lets the trained model write the story that its author published.
func TestStories260K(t *testing.T) {
	dir := testdata.Shared(t, "stories260K-hf")
	folder, err := checkpoints.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	defer store.Finalize()
	params, err := nn.LoadParams(store, "model", folder, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(t, store, nn.Net{Model: m, Weights: params})
	data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		IDs  []int  `json:"greedy_from_bos_ids"`
		Text string `json:"greedy_from_bos_text"`
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := generate.StopIDs(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	var pieces strings.Builder
	got, err := g.Text(t.Context(), tok, "", generate.Options{MaxTokens: 256, Stop: stop}, func(s string) error {
		pieces.WriteString(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := ref.IDs[1:]; !slices.Equal(got.IDs, want) {
		t.Errorf("ids are\n%v\nwant\n%v", got.IDs, want)
	}
	if got.Text != ref.Text {
		t.Errorf("text is\n%s\nwant\n%s", got.Text, ref.Text)
	}
	if pieces.String() != got.Text {
		t.Errorf("the pieces are\n%s\nwant\n%s", &pieces, got.Text)
	}
	// A prompt's continuation begins with what the prompt does not have.
	cut, err := g.Text(t.Context(), tok, ref.Text[:len("Once upon a")], generate.Options{MaxTokens: 8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ref.Text[len("Once upon a"):], cut.Text) || !strings.HasPrefix(cut.Text, " time") {
		t.Errorf("the continuation is %q, want it to begin as %q", cut.Text, ref.Text[len("Once upon a"):][:20])
	}
}

// TestStepEqualsForward holds the one-token form to the parallel form, for the
// teacher and for students, from the start and after prompts of several lengths.
func TestStepEqualsForward(t *testing.T) {
	const tokens = 40
	for _, layers := range [][]string{
		{"softmax", "softmax"},
		{"hedgehog", "hedgehog"},
		{"hedgehog,window=7", "hedgehog,window=7,affine"},
		{"hedgehog,feature_dim=6,window=1", "hedgehog,window=64"},
		{"mamba2", "mamba2"},
		{"mamba2,conv=4", "mamba2,conv=0,norm=false,gate=false,learn_a=false"},
		{"mamba2", "softmax", "hedgehog,window=16", "softmax"},
	} {
		t.Run(strings.Join(layers, "+"), func(t *testing.T) {
			net, store := randomModel(t, layers)
			g := newGenerator(t, store, net)
			ids := randomIDs(tokens, net.Model.Vocab)
			want, err := g.Forward(ids)
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
			steps, err := g.Steps([][]int{ids[:9]}, nil)
			if err != nil {
				t.Fatal(err)
			}
			compare(8, steps[8*net.Model.Vocab:])
			for _, prompt := range []int{0, 1, 5, 17, tokens} {
				s := g.Start(1, tokens)
				if prompt > 0 {
					var logits []float32
					if s, logits, err = g.Prefill([][]int{ids[:prompt]}, tokens); err != nil {
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
	g := newGenerator(t, store, net)
	ids := randomIDs(12, net.Model.Vocab)
	alone, want, err := g.Prefill([][]int{ids[6:11]}, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	both, got, err := g.Prefill([][]int{ids[:5], ids[6:11]}, 8)
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

// TestLiveWeights checks that a live generator sees what training wrote.
func TestLiveWeights(t *testing.T) {
	net, store := randomModel(t, []string{"softmax"})
	g, err := generate.New(enginetest.Open(t), store, net, true)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Finalize()
	logits := func() []float32 {
		s := g.Start(1, 4)
		defer s.Close()
		out, err := s.Step([]int{3})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := logits()
	name := net.Model.FinalNorm()
	if err := net.Weights.(*nn.Params).Set(name, []int{net.Model.Hidden}, make([]float32, net.Model.Hidden)); err != nil {
		t.Fatal(err)
	}
	if after := logits(); slices.Equal(before, after) || after[0] != 0 {
		t.Errorf("logits with a final norm of zeros are %v…, want zeros", after[:3])
	}
}

func TestGenerateErrors(t *testing.T) {
	net, store := randomModel(t, []string{"softmax"})
	g := newGenerator(t, store, net)
	for _, tt := range []struct {
		prompt []int
		o      generate.Options
		want   string
	}{
		{nil, generate.Options{MaxTokens: 1}, "the prompt has no tokens"},
		{[]int{1}, generate.Options{}, "max tokens is 0"},
		{[]int{1, 48}, generate.Options{MaxTokens: 1}, "token 1 has id 48, want 0 to 47"},
		{[]int{-1}, generate.Options{MaxTokens: 1}, "token 0 has id -1"},
		{[]int{1}, generate.Options{MaxTokens: 1, Sampling: generate.Sampling{Temperature: -1}}, "temperature is -1"},
		{[]int{1}, generate.Options{MaxTokens: 1, Sampling: generate.Sampling{TopK: -1}}, "top-k is -1"},
		{[]int{1}, generate.Options{MaxTokens: 1, Sampling: generate.Sampling{TopP: 1.5}}, "top-p is 1.5"},
	} {
		_, err := g.Generate(t.Context(), tt.prompt, tt.o, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Generate(%v, %+v) = %v, want %q", tt.prompt, tt.o, err, tt.want)
		}
	}
	s := g.Start(1, 1)
	defer s.Close()
	for range 64 { // room is given by the 64
		if _, err := s.Step([]int{1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Step([]int{1}); err == nil || !strings.Contains(err.Error(), "room for 64") {
		t.Errorf("Step() beyond the capacity = %v, want an error", err)
	}
}

func TestGenerateStops(t *testing.T) {
	net, store := randomModel(t, []string{"mamba2"})
	g := newGenerator(t, store, net)
	all, err := g.Generate(t.Context(), []int{1}, generate.Options{MaxTokens: 12}, nil)
	if err != nil || len(all) != 12 {
		t.Fatalf("Generate() = %v, %v, want 12 tokens", all, err)
	}
	last := all[5]
	want := all[:slices.Index(all, last)+1]
	got, err := g.Generate(t.Context(), []int{1}, generate.Options{MaxTokens: 12, Stop: []int{last}}, nil)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Generate() with stop %d = %v, %v, want %v", last, got, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	got, err = g.Generate(ctx, []int{1}, generate.Options{MaxTokens: 12}, func(int) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(got, all[:3]) {
		t.Errorf("cancelled after 3 tokens, Generate() = %v, %v, want %v", got, err, all[:3])
	}
}

func newGenerator(t *testing.T, store *model.Store, net nn.Net) *generate.Generator {
	t.Helper()
	g, err := generate.New(enginetest.Open(t), store, net, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Finalize)
	return g
}

// randomModel is a small model with these mixers, all tensors random.
func randomModel(t *testing.T, layers []string) (nn.Net, *model.Store) {
	t.Helper()
	net, store := newModel(t, layers, map[string]any{
		"vocab_size": 48, "hidden_size": 40, "intermediate_size": 56,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
	})
	t.Cleanup(store.Finalize)
	return net, store
}

func newModel(tb testing.TB, layers []string, config map[string]any) (nn.Net, *model.Store) {
	tb.Helper()
	config["architectures"] = []string{"LlamaForCausalLM"}
	config["num_hidden_layers"] = len(layers)
	text, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := arch.Describe(text)
	if err != nil {
		tb.Fatal(err)
	}
	var mixers []arch.Mixer
	for _, spec := range layers {
		mixer, err := arch.ParseMixer(spec)
		if err != nil {
			tb.Fatal(err)
		}
		mixers = append(mixers, mixer)
	}
	if m, err = m.WithMixers(mixers); err != nil {
		tb.Fatal(err)
	}
	store := model.NewStore()
	params := nn.NewParams(store, "student")
	random := rand.New(rand.NewPCG(1, 2))
	for _, w := range m.Weights() {
		n := 1
		for _, d := range w.Shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(random.NormFloat64() * 0.3)
			if w.Group == "norm" {
				data[i]++
			}
		}
		if err := params.Set(w.Name, w.Shape, data); err != nil {
			tb.Fatal(err)
		}
	}
	return nn.Net{Model: m, Weights: params}, store
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

package generate_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/generate"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

// TestStories260K lets the trained model write the story that its author published.
func TestStories260K(t *testing.T) {
	dir := testdata.Shared(t, "stories260K-hf")
	net, store := nntest.Load(t, dir)
	g := newGenerator(t, store, net)
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
	stop, err := generate.StopIDs(net.Model, dir)
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

func TestGenerateErrors(t *testing.T) {
	net, store := tiny(t)
	g := newGenerator(t, store, net)
	for _, tt := range []struct {
		prompt []int
		o      generate.Options
		want   string
	}{
		{nil, generate.Options{MaxTokens: 1}, "read prompt: got no tokens"},
		{[]int{1}, generate.Options{}, "max tokens is 0"},
		{[]int{1, 96}, generate.Options{MaxTokens: 1}, "token 1 has id 96, want 0 to 95"},
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
}

func TestGenerateStops(t *testing.T) {
	net, store := tiny(t)
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

// A text longer than the room that softmax layers have at first goes on as if there
// had been room for it all the time.
func TestGenerateGrows(t *testing.T) {
	net, store := tiny(t)
	g := newGenerator(t, store, net)
	const n = 600
	got, err := g.Generate(t.Context(), []int{1}, generate.Options{MaxTokens: n}, nil)
	if err != nil || len(got) != n {
		t.Fatalf("Generate() = %d tokens, %v, want %d", len(got), err, n)
	}
	d, err := infer.NewDecoder(infer.Model{Backend: enginetest.Open(t), Store: store, Net: net})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Finalize()
	logits, err := d.Forward(append([]int{1}, got...))
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range got {
		row := logits[i*net.Model.Vocab : (i+1)*net.Model.Vocab]
		if best := slices.Max(row); row[id] < best-1e-4 {
			t.Fatalf("token %d is %d of logit %g, and the best is %g", i+1, id, row[id], best)
		}
	}
	if _, err := g.Generate(t.Context(), []int{1}, generate.Options{MaxTokens: math.MaxInt, Stop: got[1:2]}, nil); err != nil {
		t.Errorf("Generate() of tokens without end, stopped early: %v", err)
	}
}

func newGenerator(t *testing.T, store *nn.Store, net nn.Net) *generate.Generator {
	t.Helper()
	g, err := generate.New(enginetest.Open(t), store, net, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Finalize)
	return g
}

// tiny is a model of random weights, whose text does not settle at once.
func tiny(t *testing.T) (nn.Net, *nn.Store) {
	t.Helper()
	return nntest.Load(t, testmodel.Llama(t, testmodel.Options{}))
}

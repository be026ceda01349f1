package eval_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/eval"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// TestStories260K is the anchor of every number in the reports: 1.4111 nats per
// token, counted as the design says.
func TestStories260K(t *testing.T) {
	dir := testdata.Shared(t, "stories260K-hf")
	net, store := nntest.Load(t, dir)
	enc, _, err := data.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	corpus, err := data.Load(enc, []data.Source{{Path: testdata.Shared(t, "tinystories", "v2-heldout.txt"), Separator: "<|endoftext|>"}}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(t, net, store, eval.Options{Batch: 16})
	got, err := e.Perplexity(t.Context(), corpus.Cut(256, data.Concat), nil)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.NatsPerToken-1.4111) > 5e-5 || got.Tokens != 103680 {
		t.Errorf("loss is %.5f over %d tokens, want 1.4111 over 103680", got.NatsPerToken, got.Tokens)
	}
}

// byByte gives each byte of a text an id below 96.
type byByte struct{}

func (byByte) Encode(text string) (ids []int) {
	for _, b := range []byte(text) {
		ids = append(ids, int(b)%96)
	}
	return ids
}

func (byByte) EncodePlain(text string) []int { return byByte{}.Encode(text) }

// corpus is a text of so many bytes, in windows of 16.
func corpus(t *testing.T, tok data.Tokenizer, bytes int) *data.Windows {
	t.Helper()
	text := make([]byte, bytes)
	for i := range text {
		text[i] = byte('a' + i*i%23)
	}
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := data.Load(data.Encoding{Tokenizer: tok}, []data.Source{{Path: path}}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Cut(16, data.Concat)
}

// Logits of all windows at once are 256 MiB at most, but a window is measured whole.
func TestAtOnce(t *testing.T) {
	for _, tt := range []struct{ most, tokens, vocab, want int }{
		{8, 512, 512, 8},
		{8, 512, 16384, 8},
		{8, 512, 16385, 7},
		{8, 512, 32000, 4},
		{8, 512, 128256, 1},
		{8, 1024, 65536, 1},
		{8, 1 << 20, 16384, 4}, // in segments of 1024
		{3, 512, 512, 3},
		{8, 0, 0, 8},
	} {
		if got := eval.AtOnce(tt.most, tt.tokens, tt.vocab); got != tt.want {
			t.Errorf("AtOnce(%d, %d, %d) = %d, want %d", tt.most, tt.tokens, tt.vocab, got, tt.want)
		}
	}
}

// TestBatchDoesNotMatter holds a batch that divides the windows against batches
// that leave a rest and one that is larger than all.
func TestBatchDoesNotMatter(t *testing.T) {
	net, store := nntest.Load(t, testmodel.Llama(t, testmodel.Options{}))
	c := corpus(t, byByte{}, 6*16+5)
	var want eval.Result
	for _, batch := range []int{3, 1, 4, 6, 10} {
		var told []int
		e := newEvaluator(t, net, store, eval.Options{Batch: batch})
		got, err := e.Perplexity(t.Context(), c, func(done, total int) { told = append(told, done, total) })
		if err != nil {
			t.Fatal(err)
		}
		if got.Tokens != 96 || len(got.Windows) != 6 || !slices.Equal(told[len(told)-2:], []int{6, 6}) {
			t.Errorf("batch %d: %d tokens, %d windows, progress %v, want 96, 6, … 6 of 6", batch, got.Tokens, len(got.Windows), told)
		}
		if batch == 3 {
			want = got
		}
		if math.Abs(got.NatsPerToken-want.NatsPerToken) > 1e-6 || math.Abs(got.StdErr-want.StdErr) > 1e-6 {
			t.Errorf("batch %d: loss is %g ± %g, want %g ± %g", batch, got.NatsPerToken, got.StdErr, want.NatsPerToken, want.StdErr)
		}
	}
}

// TestLiveWeights checks that a live evaluator sees what training wrote.
func TestLiveWeights(t *testing.T) {
	net, store := nntest.Load(t, testmodel.Llama(t, testmodel.Options{}))
	c := corpus(t, byByte{}, 65)
	e := newEvaluator(t, net, store, eval.Options{Batch: 2, Live: true})
	before, err := e.Perplexity(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]float32, net.Model.Hidden)
	if err := net.Weights.(*nn.Params).Set(net.Model.FinalNorm()+".weight", []int{net.Model.Hidden}, zeros); err != nil {
		t.Fatal(err)
	}
	after, err := e.Perplexity(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := math.Log(96); math.Abs(after.NatsPerToken-want) > 1e-5 || math.Abs(before.NatsPerToken-want) < 1e-3 {
		t.Errorf("loss went from %g to %g, want to ln 96 = %g", before.NatsPerToken, after.NatsPerToken, want)
	}
	nan := float32(math.NaN())
	if err := net.Weights.(*nn.Params).Set(net.Model.FinalNorm()+".weight", []int{net.Model.Hidden}, slices.Repeat([]float32{nan}, net.Model.Hidden)); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Perplexity(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "window 0: loss is NaN") {
		t.Errorf("with NaN weights Perplexity() = %v, %v, want an error", got, err)
	}
}

type constant int

func (id constant) Encode(text string) []int { return slices.Repeat([]int{int(id)}, len(text)) }

func (id constant) EncodePlain(text string) []int { return id.Encode(text) }

func TestErrors(t *testing.T) {
	net, store := nntest.Load(t, testmodel.Llama(t, testmodel.Options{}))
	if _, err := eval.New(enginetest.Open(t), store, net, eval.Options{}); err == nil {
		t.Error("New() with a batch of 0 succeeded")
	}
	e := newEvaluator(t, net, store, eval.Options{Batch: 2})
	if _, err := e.Perplexity(t.Context(), corpus(t, byByte{}, 16), nil); err == nil || !strings.Contains(err.Error(), "16 tokens") {
		t.Errorf("Perplexity() of a short text = %v, want an error", err)
	}
	_, err := e.Perplexity(t.Context(), corpus(t, constant(96), 40), nil)
	if _, ok := errors.AsType[*eval.VocabError](err); !ok {
		t.Errorf("Perplexity() of a foreign token = %v, want a VocabError", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Perplexity(ctx, corpus(t, byByte{}, 40), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Perplexity() = %v", err)
	}
}

// Of a masked text the loss is the mean over the tokens that count: what single
// windows give, put together by hand.
func TestMasked(t *testing.T) {
	net, store := nntest.Load(t, testmodel.Llama(t, testmodel.Options{}))
	rows := `{"prompt":"abcdefgh","completion":"ij"}
{"prompt":"klmno","completion":"pqrstuvwxyz"}
{"prompt":"a","completion":"bcdefg"}`
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := data.Load(data.Encoding{Tokenizer: byByte{}}, []data.Source{{Path: path}}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	losses, err := infer.NewLosses(infer.Model{Backend: enginetest.Open(t), Store: store, Net: net})
	if err != nil {
		t.Fatal(err)
	}
	defer losses.Finalize()
	for _, packing := range []data.Packing{data.Concat, data.Documents} {
		w := c.Cut(8, packing)
		var sum float64
		tokens := 0
		for i := range w.Len() {
			b := w.Batch(w.Start(i))
			all, err := losses.Of(b.Inputs, b.Targets, 1, 8)
			if err != nil {
				t.Fatal(err)
			}
			for j, x := range all {
				if b.Counted[j] {
					sum += float64(x)
					tokens++
				}
			}
		}
		e := newEvaluator(t, net, store, eval.Options{Batch: 3})
		got, err := e.Perplexity(t.Context(), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.NatsPerToken-sum/float64(tokens)) > 1e-6 || got.Tokens != tokens || got.StdErr <= 0 {
			t.Errorf("%s: loss is %g ± %g over %d tokens, want %g over %d", packing, got.NatsPerToken, got.StdErr, got.Tokens, sum/float64(tokens), tokens)
		}
	}
}

// Counts that are all the same change neither loss nor error, and a window of more
// tokens weighs more.
func TestWeightedMinus(t *testing.T) {
	a := eval.Result{Tokens: 16, Windows: []float64{1, 2, 3, 4}, Counts: []int{4, 4, 4, 4}}
	d, err := a.Minus(eval.Result{Tokens: 16, Windows: []float64{.5, 1.6, 2.4, 3.5}, Counts: []int{4, 4, 4, 4}})
	if err != nil || math.Abs(d.Nats-.5) > 1e-12 || math.Abs(d.StdErr-math.Sqrt(.02/3/4)) > 1e-12 {
		t.Errorf("Minus() = %+v, %v", d, err)
	}
	a = eval.Result{Tokens: 4, Windows: []float64{1, 3}, Counts: []int{3, 1}}
	d, err = a.Minus(eval.Result{Tokens: 4, Windows: []float64{0, 0}, Counts: []int{3, 1}})
	// (2/1)·Σ(cᵢ(xᵢ−1.5))²/4² = 2·(1.5² + 1.5²)/16
	if err != nil || math.Abs(d.Nats-1.5) > 1e-12 || math.Abs(d.StdErr-.75) > 1e-12 {
		t.Errorf("Minus() = %+v, %v, want 1.5 ± 0.75", d, err)
	}
	if _, err := a.Minus(eval.Result{Tokens: 4, Windows: []float64{0, 0}, Counts: []int{2, 2}}); err == nil {
		t.Error("Minus() of windows with other counts succeeded")
	}
}

func TestMinus(t *testing.T) {
	a := eval.Result{Tokens: 8, Windows: []float64{1, 2, 3, 4}}
	b := eval.Result{Tokens: 8, Windows: []float64{.5, 1.6, 2.4, 3.5}}
	d, err := a.Minus(b)
	if err != nil {
		t.Fatal(err)
	}
	// The differences are .5 .4 .6 .5: s² = .02/3.
	if math.Abs(d.Nats-.5) > 1e-12 || math.Abs(d.StdErr-math.Sqrt(.02/3/4)) > 1e-12 || d.Noise() {
		t.Errorf("Minus() = %+v, noise %v", d, d.Noise())
	}
	if d, err := a.Minus(eval.Result{Tokens: 8, Windows: []float64{2, 1, 4, 3}}); err != nil || !d.Noise() {
		t.Errorf("Minus() of a draw = %+v, %v, want noise", d, err)
	}
	if _, err := a.Minus(eval.Result{Tokens: 2, Windows: []float64{1}}); err == nil {
		t.Error("Minus() of another text succeeded")
	}
}

func newEvaluator(t *testing.T, net nn.Net, store *nn.Store, o eval.Options) *eval.Evaluator {
	t.Helper()
	e, err := eval.New(enginetest.Open(t), store, net, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Finalize)
	return e
}

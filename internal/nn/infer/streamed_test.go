package infer_test

import (
	"math"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// A model that is run a layer at a time gives the logits that it gives in one piece.
func TestStreamed(t *testing.T) {
	ids := []int{1, 5, 9, 2, 33, 60, 8, 8, 41}
	for _, family := range []string{"llama2", "gpt2", "gemma3-text", "cohere", "phi3-longrope", "granite-hybrid", "qwen3.5-text"} {
		dir := testdata.Family(t, family)
		net, store := nntest.Load(t, dir)
		d, err := infer.NewDecoder(infer.Model{Backend: enginetest.Open(t), Store: store, Net: net})
		if err != nil {
			t.Fatal(err)
		}
		want, err := d.Forward(ids)
		d.Finalize()
		if err != nil {
			t.Fatal(err)
		}
		folder, err := pretrained.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := infer.Streamed{Backend: enginetest.Open(t), Model: folder.Model, Read: folder.Float32}.Logits(ids)
		folder.Close()
		if err != nil {
			t.Errorf("%s: %v", family, err)
			continue
		}
		worst := 0.0
		for i := range want {
			worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
		}
		// Compiled in pieces, sums may be taken in another order.
		if len(got) != len(want) || !(worst <= 2e-5) {
			t.Errorf("%s: logits are off by %g", family, worst)
		}
	}
}

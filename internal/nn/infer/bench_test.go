package infer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
)

// BenchmarkStep measures one token of a model of 37 M parameters, with its weights
// as parameters of the graph (live) and as constants.
func BenchmarkStep(b *testing.B) {
	for _, mixer := range []string{"softmax", "mamba2", "hedgehog,window=16"} {
		for _, live := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/live=%v", mixer, live), func(b *testing.B) {
				net, store := nntest.Random(b, map[string]any{
					"vocab_size": 16384, "hidden_size": 512, "intermediate_size": 1408,
					"num_attention_heads": 8, "num_key_value_heads": 4,
				}, slices.Repeat([]string{mixer}, 8)...)
				d := newDecoder(b, infer.Model{Net: net, Store: store, Live: live})
				s := d.Start(1, 512)
				defer func() { _ = s.Close() }()
				for b.Loop() {
					if s.Seen() == 512 {
						s = d.Start(1, 512)
					}
					if _, err := s.Step([]int{1}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

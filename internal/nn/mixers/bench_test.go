package mixers

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// BenchmarkMixer is forward and backward of one layer with all its tensors
// trained, at the sizes of stories260K: 8 sequences of 256 tokens.
func BenchmarkMixer(b *testing.B) {
	const batch, tokens = 8, 256
	for _, spec := range []string{"softmax", "hedgehog", "hedgehog,window=16", "hedgehog,window=64", "mamba2"} {
		for _, chunk := range []int{0, 16, 64} {
			if spec == "softmax" && chunk > 0 {
				continue
			}
			b.Run(fmt.Sprintf("%s/T=%d/C=%d", spec, tokens, chunk), func(b *testing.B) {
				model := &arch.Model{
					Hidden: 64, Heads: 8, KVHeads: 4, HeadDim: 8, NormEps: 1e-5,
					Rope: arch.Rope{Theta: 10000, Dim: 8},
				}
				r := newRig(b, model, spec)
				e := MustNewExec(r.engine, func(in []*Node) []*Node {
					l, x, from := r.layer(call{chunk: chunk, start: true, noState: true}, in)
					y, _ := For(r.mixer.Name).Chunked(l, x, from)
					return Gradient(ReduceAllMean(Square(y)), append([]*Node{x}, in[4:]...)...)
				})
				defer e.Finalize()
				args := r.arguments(r.input(batch, tokens), carried{})
				for b.Loop() {
					out, err := e.Call(args...)
					if err != nil {
						b.Fatal(err)
					}
					for _, o := range out {
						o.MustFinalizeAll()
					}
				}
				b.ReportMetric(float64(b.N*batch*tokens)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

package scan

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// BenchmarkScan is a kernel by itself, with 9 heads of 64 dimensions and one sequence.
// The time of a token must not grow with their number.
func BenchmarkScan(b *testing.B) {
	for _, r := range rules {
		for _, tokens := range []int{1024, 4096, 16384} {
			for _, backward := range []bool{false, true} {
				what := "forward"
				if backward {
					what = "both"
				}
				b.Run(fmt.Sprintf("%s/T=%d/%s", r.name, tokens, what), func(b *testing.B) {
					s := r.sequence(1, sizes{9, 1, tokens, 64, 64})
					e := MustNewExec(backend(b), func(in []*Node) []*Node {
						o, _ := s.inputs(in).Chunked(64, false)
						if !backward {
							return []*Node{o}
						}
						return Gradient(ReduceAllSum(Mul(o, ops.Span(in[0], 3, 0, s.v))), in...)
					})
					defer e.Finalize()
					args := s.tensors()
					for b.Loop() {
						out, err := e.Call(args...)
						if err != nil {
							b.Fatal(err)
						}
						for _, o := range out {
							o.MustFinalizeAll()
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tokens), "ns/token")
				})
			}
		}
	}
}

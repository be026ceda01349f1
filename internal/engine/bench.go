package engine

import (
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Matmul measures how fast a backend multiplies square fp32 matrices that lie on its
// device: the fastest of the calls of about the given time, in FLOP/s.
func Matmul(b compute.Backend, size int, limit time.Duration) (float64, error) {
	exec, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.MatMul(x, y)) })
	if err != nil {
		return 0, fmt.Errorf("build matmul: %w", err)
	}
	defer exec.Finalize()
	data := make([]float32, size*size)
	for i := range data {
		data[i] = float32(i%7) - 3
	}
	x := tensors.FromFlatDataAndDimensions(data, size, size)
	y := tensors.FromFlatDataAndDimensions(data, size, size)
	best := time.Duration(0)
	for began, call := time.Now(), 0; call < 3 || time.Since(began) < limit; call++ {
		start := time.Now()
		out, err := exec.Call1(x, y)
		if err != nil {
			return 0, fmt.Errorf("run matmul: %w", err)
		}
		if _, err = tensors.CopyFlatData[float32](out); err != nil { // a device may have answered before it was done
			return 0, fmt.Errorf("read matmul: %w", err)
		}
		if took := time.Since(start); call > 0 && (best == 0 || took < best) { // the first call compiles
			best = took
		}
	}
	n := float64(size)
	return 2 * n * n * n / max(best.Seconds(), 1e-9), nil
}

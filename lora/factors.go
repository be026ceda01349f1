package lora

import (
	"math"
	"runtime"
	"sync"
)

// factors are a correction with its values: scale·B·A, A [r, in], B [out, r].
type factors struct {
	r, in, out int
	a, b       []float32
	scale      float64
}

// addTo adds the correction to w, [out, in] or where transposed [in, out], in place and
// returns the largest change of an element. Sums are taken in float64. Rows are dealt
// out to all processors, which changes no bit.
func (f factors) addTo(w []float32, transposed bool) (largest float64) {
	workers := max(1, min(runtime.GOMAXPROCS(0), f.out))
	changes := make([]float64, workers)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			row := make([]float64, f.in)
			for o := worker; o < f.out; o += workers {
				f.row(o, row)
				for i, delta := range row {
					at := o*f.in + i
					if transposed {
						at = i*f.out + o
					}
					w[at] += float32(delta)
					changes[worker] = max(changes[worker], math.Abs(delta))
				}
			}
		})
	}
	wait.Wait()
	for _, c := range changes {
		largest = max(largest, c)
	}
	return largest
}

// row computes row o of the correction.
func (f factors) row(o int, row []float64) {
	clear(row)
	for k := range f.r {
		b := f.scale * float64(f.b[o*f.r+k])
		if b == 0 {
			continue
		}
		for i, a := range f.a[k*f.in : (k+1)*f.in] {
			row[i] += b * float64(a)
		}
	}
}

// Package numtest holds the numbers that graphs give against those that are wanted,
// for tests.
package numtest

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

// Near fails unless RMS(got − want) < tolerance·RMS(want); NaN fails. Where all of
// want is 0, so must be got, to what fp32 has no full precision for: engines differ in
// whether they flush that to 0.
func Near(tb testing.TB, what string, got, want []float64, tolerance float64) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%s: got %d numbers, want %d", what, len(got), len(want))
	}
	var gap, of float64
	for i := range want {
		gap += (got[i] - want[i]) * (got[i] - want[i])
		of += want[i] * want[i]
	}
	const smallestNormal = 0x1p-126
	if rms, limit := math.Sqrt(gap), tolerance*math.Sqrt(of); !(rms < max(limit, smallestNormal)) {
		tb.Errorf("%s: RMS of the difference is %.2g of the RMS of what is wanted, want < %.2g", what, rms/math.Sqrt(of), tolerance)
	}
}

// Finite fails on NaN and infinities.
func Finite(tb testing.TB, what string, v []float64) {
	tb.Helper()
	for i, f := range v {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			tb.Fatalf("%s: number %d of %d is %v", what, i, len(v), f)
		}
	}
}

// Slope is the central difference of a loss in one of the numbers it depends on.
func Slope(at *float64, loss func() float64) float64 {
	const h = 1e-5
	was := *at
	*at = was + h
	up := loss()
	*at = was - h
	down := loss()
	*at = was
	return (up - down) / (2 * h)
}

// Dot sums up the products of numbers and their weights.
func Dot(v, weights []float64) (sum float64) {
	for i := range v {
		sum += v[i] * weights[i]
	}
	return sum
}

// Tensor rounds numbers to fp32.
func Tensor(v []float64, shape ...int) *tensors.Tensor {
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	return tensors.FromFlatDataAndDimensions(f, shape...)
}

// Of are the numbers of an fp32 tensor.
func Of(t *tensors.Tensor) []float64 { return Wide(tensors.MustCopyFlatData[float32](t)) }

// Wide are fp32 numbers in float64.
func Wide(f []float32) []float64 {
	v := make([]float64, len(f))
	for i := range f {
		v[i] = float64(f[i])
	}
	return v
}

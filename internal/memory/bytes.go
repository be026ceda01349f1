package memory

import (
	"math/bits"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// elements is how many numbers a tensor of that shape has.
func elements(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}

// elementsOf is how many numbers all of some tensors have.
func elementsOf(list []arch.Weight) int64 {
	n := int64(0)
	for _, w := range list {
		n += elements(w.Shape)
	}
	return n
}

// fp32 is the bytes of an array; a petabyte if there are more, so that sums are numbers.
func fp32(dims ...int) int64 {
	n := 4.0
	for _, d := range dims {
		n *= float64(d)
	}
	return int64(min(n, 1<<50))
}

// stored is what the stage's engine takes for an array of so many bytes.
func (s Stage) stored(bytes int64) int64 {
	if s.compiled() {
		return bytes
	}
	return bucket(bytes)
}

// array is the bytes of an fp32 array as engine go allocates it.
func array(dims ...int) int64 { return bucket(fp32(dims...)) }

// bucket is what engine go allocates for an array, so that buffers serve again: the
// next of 2ⁿ and 3·2ⁿ bytes.
func bucket(n int64) int64 {
	if n < 4 {
		return n
	}
	whole := int64(1) << (bits.Len64(uint64(n)) - 1)
	switch {
	case n == whole:
		return n
	case n <= whole+whole/2:
		return whole + whole/2
	default:
		return 2 * whole
	}
}

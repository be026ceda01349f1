// Package half converts between float32 and the 16-bit floats of checkpoints,
// bfloat16 and IEEE binary16, a slice at a time.
//
// The 16-bit side is little-endian bytes, as it lies in a file; it needs no
// alignment. Narrowing rounds to nearest, ties to even; what is too large becomes
// infinite, and a NaN stays a NaN. Widening is exact.
//
// # Limits
//
// Both slices must cover the same number of elements; the functions panic otherwise.
package half

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
)

// WidenBF16 sets dst[i] to the i-th bfloat16 of src: its bits followed by 16 zeros.
func WidenBF16(dst []float32, src []byte) {
	src = sameLen(src, dst)
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// NarrowBF16 sets the i-th bfloat16 of dst to src[i].
func NarrowBF16(dst []byte, src []float32) {
	dst = sameLen(dst, src)
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], bf16(x))
	}
}

// WidenF16 sets dst[i] to the i-th binary16 of src.
func WidenF16(dst []float32, src []byte) {
	src = sameLen(src, dst)
	table := f16Table()
	for i := range dst {
		dst[i] = table[binary.LittleEndian.Uint16(src[2*i:])]
	}
}

// NarrowF16 sets the i-th binary16 of dst to src[i].
func NarrowF16(dst []byte, src []float32) {
	dst = sameLen(dst, src)
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], f16(x))
	}
}

// bf16 keeps a NaN whose payload lies in the low 16 bits alone from turning into
// an infinity, which the library's conversion would make of it.
func bf16(x float32) uint16 {
	if x != x {
		return uint16(math.Float32bits(x)>>16) | 0x0040
	}
	return bfloat16.FromFloat32(x).Bits()
}

// f16 takes care of the values that round up from the subnormals to the smallest
// normal, 2^-14: the library's conversion loses the carry and gives zero.
func f16(x float32) uint16 {
	const tie, normal = 0x387fe000, 0x38800000 // 2^-14 - 2^-25 and 2^-14
	if bits := math.Float32bits(x); bits&0x7fffffff >= tie && bits&0x7fffffff < normal {
		return uint16(bits>>16)&0x8000 | 0x0400
	}
	return float16.FromFloat32(x).Bits()
}

// f16Table holds every binary16 as a float32, 256 KiB, made at first use.
var f16Table = sync.OnceValue(func() *[1 << 16]float32 {
	table := new([1 << 16]float32)
	for bits := range table {
		table[bits] = float16.FromBits(uint16(bits)).Float32()
	}
	return table
})

func sameLen(halves []byte, floats []float32) []byte {
	if len(halves) != 2*len(floats) {
		panic(fmt.Sprintf("half: %d bytes for %d elements, want %d", len(halves), len(floats), 2*len(floats)))
	}
	return halves
}

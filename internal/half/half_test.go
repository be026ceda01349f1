package half_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/half"
)

// format describes a 16-bit float, so that one slow reference serves both.
type format struct {
	name     string
	mantissa int // bits
	bias     int
	widen    func([]float32, []byte)
	narrow   func([]byte, []float32)
}

var formats = []format{
	{"BF16", 7, 127, half.WidenBF16, half.NarrowBF16},
	{"F16", 10, 15, half.WidenF16, half.NarrowF16},
}

// value is the definition: (-1)^s · 2^(e-bias) · 1.m, or 2^(1-bias) · 0.m for e = 0.
func (f format) value(bits uint16) float64 {
	m := float64(bits & (1<<f.mantissa - 1))
	e := int(bits&0x7fff) >> f.mantissa
	var v float64
	switch {
	case e == 1<<(15-f.mantissa)-1 && m == 0:
		v = math.Inf(1)
	case e == 1<<(15-f.mantissa)-1:
		v = math.NaN()
	case e == 0:
		v = math.Ldexp(m, 1-f.bias-f.mantissa)
	default:
		v = math.Ldexp(m+math.Ldexp(1, f.mantissa), e-f.bias-f.mantissa)
	}
	if bits&0x8000 != 0 {
		return -v
	}
	return v
}

func (f format) narrowOne(x float32) uint16 {
	var b [2]byte
	f.narrow(b[:], []float32{x})
	return binary.LittleEndian.Uint16(b[:])
}

func TestEveryValue(t *testing.T) {
	src := make([]byte, 2<<16)
	for bits := range 1 << 16 {
		binary.LittleEndian.PutUint16(src[2*bits:], uint16(bits))
	}
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			wide := make([]float32, 1<<16)
			f.widen(wide, src)
			back := make([]byte, len(src))
			f.narrow(back, wide)
			for bits := range uint16(math.MaxUint16) {
				got, want := float64(wide[bits]), f.value(bits)
				again := binary.LittleEndian.Uint16(back[2*int(bits):])
				switch {
				case math.IsNaN(want):
					if !math.IsNaN(got) || !math.IsNaN(f.value(again)) {
						t.Fatalf("%#04x: widened to %v and back to %#04x, want NaN both ways", bits, got, again)
					}
				case got != want || math.Signbit(got) != math.Signbit(want):
					t.Fatalf("%#04x: widened to %v, want %v", bits, got, want)
				case again != bits:
					t.Fatalf("%#04x: widened and narrowed to %#04x", bits, again)
				}
			}
		})
	}
}

// TestRounding checks, between each pair of neighbours, the midpoint and the
// float32 values on either side of it; the one after the last finite is infinity.
func TestRounding(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			inf := uint16(1<<(15-f.mantissa)-1) << f.mantissa
			for lo := range inf {
				next := f.value(lo + 1)
				if lo+1 == inf { // as if the exponent went on
					next = 2*f.value(lo) - f.value(lo-1)
				}
				mid64 := (f.value(lo) + next) / 2
				mid := float32(mid64)
				if float64(mid) != mid64 {
					t.Fatalf("midpoint after %#04x is no float32", lo)
				}
				even := lo + lo&1
				for _, c := range []struct {
					x    float32
					want uint16
				}{
					{mid, even},
					{math.Nextafter32(mid, 0), lo},
					{math.Nextafter32(mid, math.MaxFloat32), lo + 1},
				} {
					if got := f.narrowOne(c.x); got != c.want {
						t.Fatalf("narrow(%g) = %#04x, want %#04x", c.x, got, c.want)
					}
					if got := f.narrowOne(-c.x); got != c.want|0x8000 {
						t.Fatalf("narrow(%g) = %#04x, want %#04x", -c.x, got, c.want|0x8000)
					}
				}
			}
		})
	}
}

func TestNaNStaysNaN(t *testing.T) {
	for _, bits := range []uint32{0x7f800001, 0x7fc00000, 0xff80ffff, 0x7fffffff, 0xffc12345} {
		for _, f := range formats {
			if got := f.narrowOne(math.Float32frombits(bits)); !math.IsNaN(f.value(got)) {
				t.Errorf("%s: narrow(NaN %#08x) = %#04x, want a NaN", f.name, bits, got)
			}
		}
	}
}

func TestLengthsMustAgree(t *testing.T) {
	for _, f := range formats {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: widening 3 bytes into 2 elements did not panic", f.name)
				}
			}()
			f.widen(make([]float32, 2), make([]byte, 3))
		}()
	}
}

func BenchmarkConvert(b *testing.B) {
	const n = 1 << 20
	floats, bytes := make([]float32, n), make([]byte, 2*n)
	for i := range floats {
		floats[i] = float32(i%1000)*0.01 - 5
	}
	for _, f := range formats {
		b.Run("narrow/"+f.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				f.narrow(bytes, floats)
			}
		})
		b.Run("widen/"+f.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				f.widen(floats, bytes)
			}
		})
	}
}

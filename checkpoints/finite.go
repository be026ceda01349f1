package checkpoints

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/seed-1411d8c0/linearize/internal/half"
)

// NotFiniteError reports a weight that is no number.
type NotFiniteError struct {
	Tensor  string
	Shape   []int
	Element int // the first one, of the tensor as it lies in the file
	Value   float32
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("tensor %s: element %d of shape %v is %g, want finite numbers", e.Tensor, e.Element, e.Shape, e.Value)
}

// ExitCode is that of an invalid checkpoint.
func (*NotFiniteError) ExitCode() int { return 3 }

// CheckFinite reads all elements of an F32, F16 or BF16 tensor. NaN or an infinity is
// a [*NotFiniteError].
func (t Tensor) CheckFinite() error {
	if err := t.check(); err != nil {
		return err
	}
	file := t.origin()
	if file != nil && file.knownFinite(t.Name) {
		return nil
	}
	if err := t.look(func() error { return t.checkPart(t.Data, 0) }); err != nil {
		return err
	}
	t.release()
	if file != nil {
		file.noteFinite(t.Name)
	}
	return nil
}

func (f *File) knownFinite(tensor string) bool {
	_, ok := f.finite.Load(tensor)
	return ok
}

func (f *File) noteFinite(tensor string) { f.finite.Store(tensor, nil) }

// checkPart reads the elements in data, which the tensor has from byte at on.
func (i Info) checkPart(data []byte, at int) error {
	exponents, ok := exponentBits[i.DType]
	if !ok {
		return fmt.Errorf("tensor %s: dtype %s, want F32, F16 or BF16", i.Name, i.DType)
	}
	size := i.DType.Size()
	first := exponents.find(data, size)
	if first < 0 {
		return nil
	}
	return &NotFiniteError{i.Name, i.Shape, at/size + first, element(i.DType, data[first*size:][:size])}
}

// element is the value of one element of an F32, F16 or BF16 tensor.
func element(dtype DType, at []byte) float32 {
	out := make([]float32, 1)
	switch dtype {
	case F16:
		half.WidenF16(out, at)
	case BF16:
		half.WidenBF16(out, at)
	default:
		out[0] = math.Float32frombits(binary.LittleEndian.Uint32(at))
	}
	return out[0]
}

// exponent is the bits of a dtype that are all set in NaN and infinities alone, in
// each element of 8 bytes; one added to the lowest of them runs over into the sign.
type exponent struct{ bits, one, sign uint64 }

var exponentBits = map[DType]exponent{
	F32:  {0x7f80_0000_7f80_0000, 0x0080_0000_0080_0000, 0x8000_0000_8000_0000},
	BF16: {0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080, 0x8000_8000_8000_8000},
	F16:  {0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000},
}

// carry has the sign of an element set whose exponent bits all are.
func (e exponent) carry(words []byte, at int) uint64 {
	return binary.LittleEndian.Uint64(words[at:])&e.bits + e.one
}

// find returns the first element that is not finite, or −1.
func (e exponent) find(data []byte, size int) int {
	at := 0
	for ; at+64 <= len(data); at += 64 { // eight words at a time, for the processor's sake
		words := data[at : at+64 : at+64]
		if (e.carry(words, 0)|e.carry(words, 8)|e.carry(words, 16)|e.carry(words, 24)|
			e.carry(words, 32)|e.carry(words, 40)|e.carry(words, 48)|e.carry(words, 56))&e.sign != 0 {
			break
		}
	}
	for ; at+8 <= len(data); at += 8 {
		if (binary.LittleEndian.Uint64(data[at:])&e.bits+e.one)&e.sign != 0 {
			break
		}
	}
	var word [8]byte
	for ; at < len(data); at += size {
		copy(word[:], data[at:at+size])
		if (binary.LittleEndian.Uint64(word[:])&e.bits+e.one)&e.sign&(1<<(8*size)-1) != 0 {
			return at / size
		}
	}
	return -1
}

package checkpoints

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/seed-1411d8c0/linearize/internal/half"
)

// Tensor is a view of a tensor in a mapped file.
type Tensor struct {
	Info

	Data []byte // little-endian, row-major; read-only, valid until the folder or file is closed

	file *File // nil when the bytes are the caller's own
}

// releaseFrom is the size from which a read tensor's pages are given back: below it
// the call costs more than the memory.
const releaseFrom = 1 << 20

// releaseEvery is how much of a file is held by a walk that needs no whole tensors.
const releaseEvery = 4 << 20

func (t Tensor) release() {
	if t.file != nil && len(t.Data) >= releaseFrom {
		t.file.release(t.Name)
	}
}

// origin is the file that the tensor is a view of, nil for bytes of the caller's own: also
// where a view has been given another name, other bytes or another shape.
func (t Tensor) origin() *File {
	if t.file != nil && t.file.holds(t) {
		return t.file
	}
	return nil
}

// look calls read, which reads the tensor's bytes. That its file cannot be read is an error.
func (t Tensor) look(read func() error) error {
	err := guarded(read)
	if errors.Is(err, errFault) {
		return fmt.Errorf("read %s: tensor %s: %w", t.File, t.Name, err)
	}
	return err
}

// check guards the readers below against tensors that were put together by hand.
func (t Tensor) check() error {
	if int64(len(t.Data)) != t.Bytes() {
		return fmt.Errorf("tensor %s: %d bytes, want %d for %s%v", t.Name, len(t.Data), t.Bytes(), t.DType, t.Shape)
	}
	return nil
}

// Float32 returns the elements as float32: F16 and BF16 widened exactly, F64 rounded
// to nearest. Other dtypes are errors.
func (t Tensor) Float32() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	widen, ok := floats[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %s: dtype %s, want F64, F32, F16 or BF16", t.Name, t.DType)
	}
	out := make([]float32, t.Elements())
	err := t.look(func() error {
		widen(out, t.Data)
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.release()
	return out, nil
}

var floats = map[DType]func(to []float32, from []byte){
	F64: func(to []float32, from []byte) {
		for i := range to {
			to[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(from[8*i:])))
		}
	},
	F32: func(to []float32, from []byte) {
		for i := range to {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
		}
	},
	F16:  half.WidenF16,
	BF16: half.WidenBF16,
}

// Int64 returns the elements of an integer or BOOL tensor. Floats are errors, and so
// is a U64 above the largest int64.
func (t Tensor) Int64() ([]int64, error) {
	read, ok := integers[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %s: dtype %s, want an integer or BOOL", t.Name, t.DType)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	size := t.DType.Size()
	out := make([]int64, t.Elements())
	err := t.look(func() error {
		for i := range out {
			out[i] = read(t.Data[size*i:])
			if t.DType == U64 && out[i] < 0 {
				return fmt.Errorf("tensor %s: element %d is %d, want at most %d", t.Name, i, uint64(out[i]), int64(math.MaxInt64))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.release()
	return out, nil
}

var integers = map[DType]func([]byte) int64{
	I64:  func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) },
	U64:  func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) },
	I32:  func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) },
	U32:  func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) },
	I16:  func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) },
	U16:  func(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) },
	I8:   func(b []byte) int64 { return int64(int8(b[0])) },
	U8:   func(b []byte) int64 { return int64(b[0]) },
	BOOL: func(b []byte) int64 { return int64(b[0]) },
}

package checkpoints_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// TestCheckFinite puts one value into each place of tensors of all lengths: the
// largest finite one passes, NaN and the infinities are found where they are.
func TestCheckFinite(t *testing.T) {
	bits := map[checkpoints.DType][]uint32{ // finite ones first
		checkpoints.F32:  {0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xff800001},
		checkpoints.BF16: {0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0, 0xff81},
		checkpoints.F16:  {0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfc01},
	}
	for dtype, values := range bits {
		size := dtype.Size()
		for n := range 11 {
			for at := range n {
				for v, x := range values {
					tensor := checkpoints.Tensor{Name: "w", DType: dtype, Shape: []int{n}, Data: make([]byte, n*size)}
					for i := range size {
						tensor.Data[at*size+i] = byte(x >> (8 * i))
					}
					err := tensor.CheckFinite()
					if v < 2 && err != nil {
						t.Errorf("%s %#x: %v", dtype, x, err)
					}
					if want := fmt.Sprintf("tensor w: element %d of shape [%d] is ", at, n); v >= 2 && (err == nil || !strings.HasPrefix(err.Error(), want)) {
						t.Errorf("%s %#x: got error %v, want %q", dtype, x, err, want)
					}
				}
			}
		}
	}
	inf := checkpoints.Tensor{Name: "w", DType: checkpoints.F16, Shape: []int{1}, Data: []byte{0, 0xfc}}
	if err := inf.CheckFinite(); err == nil || !strings.HasSuffix(err.Error(), "is -Inf, want finite numbers") {
		t.Errorf("got error %v, want one that shows the value", err)
	}
	inf.DType = checkpoints.I16
	if err := inf.CheckFinite(); err == nil || !strings.Contains(err.Error(), "dtype I16, want F32, F16 or BF16") {
		t.Errorf("got error %v, want one about the dtype", err)
	}
}

func BenchmarkCheckFinite(b *testing.B) {
	for _, dtype := range []checkpoints.DType{checkpoints.F32, checkpoints.BF16} {
		tensor := checkpoints.Tensor{Name: "w", DType: dtype, Shape: []int{1 << 22}}
		tensor.Data = make([]byte, tensor.Bytes())
		b.Run(string(dtype), func(b *testing.B) {
			b.SetBytes(tensor.Bytes())
			for b.Loop() {
				if err := tensor.CheckFinite(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

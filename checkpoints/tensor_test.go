package checkpoints_test

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

func TestFromFloat32(t *testing.T) {
	data := []float32{1, -2.5, 1.00390625, 1.01171875, 65519, float32(math.Inf(-1))}
	want := map[checkpoints.DType][]float32{
		checkpoints.F32:  data,
		checkpoints.BF16: {1, -2.5, 1, 1.015625, 65536, float32(math.Inf(-1))},
		checkpoints.F16:  {1, -2.5, 1.00390625, 1.01171875, 65504, float32(math.Inf(-1))},
	}
	var sources []checkpoints.Source
	for dtype := range want {
		sources = append(sources, checkpoints.FromFloat32(string(dtype), []int{2, 3}, data, dtype))
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := checkpoints.WriteFile(path, sources, map[string]string{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	f, err := checkpoints.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff(map[string]string{"k": "v"}, f.Metadata()); diff != "" {
		t.Errorf("Metadata() (-want +got):\n%s", diff)
	}
	for dtype, values := range want {
		tensor, err := f.Tensor(string(dtype))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.Float32()
		if err != nil || !slices.Equal(got, values) {
			t.Errorf("%s: %v, %v, want %v", dtype, got, err, values)
		}
	}
	err = checkpoints.WriteFile(path, []checkpoints.Source{checkpoints.FromFloat32("x", []int{1}, []float32{1}, checkpoints.I8)}, nil)
	if err == nil || !strings.Contains(err.Error(), "tensor x: encode float32: dtype I8") {
		t.Errorf("WriteFile(I8) = %v, want an error that names tensor and dtype", err)
	}
}

// A number that the dtype would make infinite is refused; one just below is not.
func TestEncodeFloat32Range(t *testing.T) {
	for dtype, beyond := range map[checkpoints.DType]float32{checkpoints.F16: 65520, checkpoints.BF16: math.Float32frombits(0x7f7f8000)} {
		for _, sign := range []float32{1, -1} {
			if _, err := checkpoints.EncodeFloat32([]float32{sign * math.Nextafter32(beyond, 0)}, dtype); err != nil {
				t.Errorf("%s: %v", dtype, err)
			}
			_, err := checkpoints.EncodeFloat32([]float32{0, sign * beyond}, dtype)
			if err == nil || !strings.HasPrefix(err.Error(), "element 1 is ") || !strings.HasSuffix(err.Error(), "which "+string(dtype)+" cannot hold") {
				t.Errorf("%s: EncodeFloat32(%g) = %v, want it refused", dtype, sign*beyond, err)
			}
		}
	}
}

// view makes a tensor called x by hand.
func view(dtype checkpoints.DType, data []byte, shape ...int) checkpoints.Tensor {
	var t checkpoints.Tensor
	t.Name, t.DType, t.Shape, t.Data = "x", dtype, shape, data
	return t
}

// A view that was given another name or other bytes is written as it is then.
func TestSourceOfChangedView(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	if err := checkpoints.WriteFile(path, []checkpoints.Source{checkpoints.FromFloat32("w", []int{2}, []float32{1, 2}, checkpoints.F32)}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := checkpoints.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	was, err := f.Tensor("w")
	if err != nil {
		t.Fatal(err)
	}
	renamed, changed := was, was
	renamed.Name = "v"
	changed.Name, changed.Shape, changed.Data = "u", []int{1}, []byte{0, 0, 0x40, 0x40}
	to := filepath.Join(dir, "y.safetensors")
	if err := checkpoints.WriteFile(to, []checkpoints.Source{was.Source(), renamed.Source(), changed.Source()}, nil); err != nil {
		t.Fatal(err)
	}
	again, err := checkpoints.OpenFile(to)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for name, want := range map[string][]float32{"w": {1, 2}, "v": {1, 2}, "u": {3}} {
		tensor, err := again.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tensor.Float32(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	if err := was.CheckFinite(); err != nil { // which is remembered of the tensor, and not of what it became
		t.Fatal(err)
	}
	was.Data = []byte{0, 0, 0x80, 0x7f, 0, 0, 0, 0}
	if err := was.CheckFinite(); err == nil {
		t.Error("CheckFinite() has not looked at the bytes that took the tensor's place")
	}
}

func TestGatherRefuses(t *testing.T) {
	folder := open(t, testmodel.Llama(t, testmodel.Options{Seed: 1}))
	const name = "model.norm.weight"
	info, _ := folder.Info(name)
	n := info.Shape[0]
	for what, run := range map[string]checkpoints.Run{
		"before the first": {Row: -1, Rows: 1},
		"behind the last":  {Row: n, Rows: 1},
		"too many":         {Rows: math.MaxInt, Row: 1},
		"a negative many":  {Rows: -1},
		"no columns":       {Rows: n, Transposed: true},
	} {
		run.Tensor, run.Shape = name, info.Shape
		if _, err := folder.Gather("part", info.Shape, []checkpoints.Run{run}); err == nil || !strings.Contains(err.Error(), "has no") {
			t.Errorf("%s: Gather() = %v, want a refusal", what, err)
		}
	}
}

func TestInt64(t *testing.T) {
	tests := map[checkpoints.DType]struct {
		data []byte
		want []int64
	}{
		checkpoints.I64:  {bytes.Repeat([]byte{0xff}, 8), []int64{-1}},
		checkpoints.U64:  {[]byte{1, 0, 0, 0, 0, 0, 0, 0}, []int64{1}},
		checkpoints.I32:  {[]byte{0xfe, 0xff, 0xff, 0xff, 2, 1, 0, 0}, []int64{-2, 258}},
		checkpoints.U32:  {[]byte{0xff, 0xff, 0xff, 0xff}, []int64{math.MaxUint32}},
		checkpoints.I16:  {[]byte{0, 0x80}, []int64{math.MinInt16}},
		checkpoints.U16:  {[]byte{0, 0x80}, []int64{1 << 15}},
		checkpoints.I8:   {[]byte{0x80, 1}, []int64{-128, 1}},
		checkpoints.U8:   {[]byte{0x80, 1}, []int64{128, 1}},
		checkpoints.BOOL: {[]byte{0, 1}, []int64{0, 1}},
	}
	for dtype, tt := range tests {
		tensor := view(dtype, tt.data, len(tt.want))
		if got, err := tensor.Int64(); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", dtype, got, err, tt.want)
		}
		if _, err := tensor.Float32(); err == nil || !strings.Contains(err.Error(), "want F64, F32, F16 or BF16") {
			t.Errorf("%s: Float32() = %v, want an error", dtype, err)
		}
	}
	large := view(checkpoints.U64, bytes.Repeat([]byte{0xff}, 8))
	if got, err := large.Int64(); err == nil || !strings.Contains(err.Error(), "element 0 is 18446744073709551615") {
		t.Errorf("Int64() = %v, %v, want an error", got, err)
	}
	if got, err := view(checkpoints.F64, make([]byte, 4)).Float32(); err == nil {
		t.Errorf("Float32() of half a value = %v, want an error", got)
	}
}

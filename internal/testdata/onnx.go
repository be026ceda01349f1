package testdata

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// OnnxVector is one of ONNX's own node tests: an operator's attributes, what goes in
// and what comes out, by the names of the operator's definition. What is optional
// and left out is not there.
type OnnxVector struct {
	Name            string
	Attrs           map[string]any // numbers are float64
	Inputs, Outputs map[string]OnnxTensor
}

// OnnxTensor is a tensor of a vector, its elements as float32 whatever their dtype.
type OnnxTensor struct {
	DType  string // F64, F32, F16, I64, I32 or BOOL
	Shape  []int
	Values []float32
}

// Number is a numeric attribute, or what it is by default.
func (v OnnxVector) Number(name string, otherwise float64) float64 {
	if n, ok := v.Attrs[name].(float64); ok {
		return n
	}
	return otherwise
}

// Int is an attribute that counts something.
func (v OnnxVector) Int(name string, otherwise int) int {
	return int(v.Number(name, float64(otherwise)))
}

// Text is an attribute of letters, or what it is by default.
func (v OnnxVector) Text(name, otherwise string) string {
	if s, ok := v.Attrs[name].(string); ok {
		return s
	}
	return otherwise
}

// Tolerance is what an output may be off by, relative to the RMS of the output: it
// is as exact as its own dtype and that of what went in.
func (v OnnxVector) Tolerance() float64 {
	for _, in := range v.Inputs {
		if in.DType == "F16" {
			return 2e-3
		}
	}
	return 1e-5
}

// OnnxVectors reads all vectors of an operator, sorted by name; it skips the test
// where they are not beside this checkout.
func OnnxVectors(tb testing.TB, op string) []OnnxVector {
	tb.Helper()
	data, err := os.ReadFile(Shared(tb, "onnx-node-tests", "index.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var index map[string]struct {
		Op    string
		Attrs map[string]any
	}
	if err := json.Unmarshal(data, &index); err != nil {
		tb.Fatal(err)
	}
	var all []OnnxVector
	for _, name := range slices.Sorted(maps.Keys(index)) {
		if index[name].Op != op {
			continue
		}
		v := OnnxVector{Name: name, Attrs: index[name].Attrs}
		v.Inputs, v.Outputs = onnxTensors(tb, Shared(tb, "onnx-node-tests", "safetensors", name+".safetensors"))
		all = append(all, v)
	}
	if len(all) == 0 {
		tb.Fatalf("onnx-node-tests: no vectors of %s", op)
	}
	return all
}

// onnxTensors reads the tensors of a vector, which the file calls input.<name> and
// output.<name>.
func onnxTensors(tb testing.TB, path string) (inputs, outputs map[string]OnnxTensor) {
	tb.Helper()
	f, err := checkpoints.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	inputs, outputs = map[string]OnnxTensor{}, map[string]OnnxTensor{}
	for _, full := range f.Names() {
		t, err := f.Tensor(full)
		if err != nil {
			tb.Fatal(err)
		}
		read := OnnxTensor{DType: string(t.DType), Shape: slices.Clone(t.Shape)}
		if read.Values, err = t.Float32(); err != nil {
			var whole []int64
			if whole, err = t.Int64(); err != nil {
				tb.Fatal(err)
			}
			for _, n := range whole {
				read.Values = append(read.Values, float32(n))
			}
		}
		side, name, _ := strings.Cut(full, ".")
		if side == "input" {
			inputs[name] = read
		} else {
			outputs[name] = read
		}
	}
	return inputs, outputs
}

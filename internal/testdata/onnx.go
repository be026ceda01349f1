package testdata

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// OnnxVector is one of ONNX's own node tests: an operator with its attributes, what
// goes in and what comes out.
type OnnxVector struct {
	Name  string
	Attrs map[string]any // numbers are float64

	// By the node's formal positions; an optional one that is left out has no name.
	Inputs, Outputs []OnnxTensor
}

// OnnxTensor is one tensor of a vector, its elements as float32 whatever their dtype.
type OnnxTensor struct {
	Name  string // as the operator's definition calls it; empty: left out
	DType string // F64, F32, F16, I64, I32 or BOOL
	Shape []int
	Data  []float32
}

// Input returns the input of a name, and whether the vector has it.
func (v OnnxVector) Input(name string) (OnnxTensor, bool) {
	i := slices.IndexFunc(v.Inputs, func(t OnnxTensor) bool { return t.Name == name })
	if i < 0 {
		return OnnxTensor{}, false
	}
	return v.Inputs[i], true
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
		Op      string         `json:"op"`
		Attrs   map[string]any `json:"attrs"`
		Inputs  []string       `json:"node_inputs"`
		Outputs []string       `json:"node_outputs"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		tb.Fatal(err)
	}
	var all []OnnxVector
	for _, name := range slices.Sorted(maps.Keys(index)) {
		node := index[name]
		if node.Op != op {
			continue
		}
		f, err := checkpoints.OpenFile(Shared(tb, "onnx-node-tests", "safetensors", name+".safetensors"))
		if err != nil {
			tb.Fatal(err)
		}
		v := OnnxVector{Name: name, Attrs: node.Attrs}
		for _, in := range node.Inputs {
			v.Inputs = append(v.Inputs, onnxTensor(tb, f, "input.", in))
		}
		for _, out := range node.Outputs {
			v.Outputs = append(v.Outputs, onnxTensor(tb, f, "output.", out))
		}
		_ = f.Close() // read only
		all = append(all, v)
	}
	if len(all) == 0 {
		tb.Fatalf("onnx-node-tests: no vectors of %s", op)
	}
	return all
}

// onnxTensor reads one tensor of a vector's file.
func onnxTensor(tb testing.TB, f *checkpoints.File, side, name string) OnnxTensor {
	tb.Helper()
	if name == "" {
		return OnnxTensor{}
	}
	t, err := f.Tensor(side + name)
	if err != nil {
		tb.Fatal(err)
	}
	out := OnnxTensor{Name: name, DType: string(t.DType), Shape: slices.Clone(t.Shape)}
	if out.Data, err = t.Float32(); err == nil {
		return out
	}
	whole, err := t.Int64()
	if err != nil {
		tb.Fatal(err)
	}
	for _, n := range whole {
		out.Data = append(out.Data, float32(n))
	}
	return out
}

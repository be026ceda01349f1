// Package witness reads what other people's code computed, for the tests of
// packages that compute the same. The files are made by `make golden-mixers`.
package witness

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// Witness is one file: inputs, tensors and outputs of somebody else's code.
type Witness struct {
	Name     string // the file's, without its ending
	Metadata map[string]string
	Tensors  map[string]Tensor
}

// Tensor is a tensor of a witness, its numbers in row order.
type Tensor struct {
	Shape []int
	Data  []float32
}

// All reads the files of testdata/witness beside the caller, by name.
func All(tb testing.TB) []Witness {
	tb.Helper()
	paths, err := filepath.Glob("testdata/witness/*.safetensors")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("list testdata/witness: got %d files (%v), want some", len(paths), err)
	}
	var all []Witness
	for _, path := range paths {
		all = append(all, read(tb, path))
	}
	return all
}

func read(tb testing.TB, path string) Witness {
	tb.Helper()
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }() // read only
	w := Witness{
		Name:     strings.TrimSuffix(filepath.Base(path), ".safetensors"),
		Metadata: file.Metadata(),
		Tensors:  map[string]Tensor{},
	}
	for _, name := range file.Names() {
		raw, err := file.Tensor(name)
		if err != nil {
			tb.Fatal(err)
		}
		data, err := raw.Float32()
		if err != nil {
			tb.Fatal(err)
		}
		info, _ := file.Info(name)
		w.Tensors[name] = Tensor{Shape: info.Shape, Data: data}
	}
	return w
}

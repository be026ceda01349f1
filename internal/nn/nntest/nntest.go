// Package nntest loads models for the tests of packages that run them.
package nntest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// Load reads a model folder into a store that lasts as long as the test.
func Load(tb testing.TB, dir string) (nn.Net, *nn.Store) {
	tb.Helper()
	folder, err := pretrained.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // read only
	m := folder.Model
	store := nn.NewStore()
	tb.Cleanup(store.Finalize)
	params, err := nn.LoadParams(store, "model", folder, m, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return nn.Net{Model: m, Weights: params}, store
}

// WithMixers puts mixers into a model's layers, given as [arch.ParseMixer] reads them.
func WithMixers(tb testing.TB, m *arch.Model, specs ...string) *arch.Model {
	tb.Helper()
	var mixers []arch.Mixer
	for _, spec := range specs {
		x, err := arch.ParseMixer(spec)
		if err != nil {
			tb.Fatal(err)
		}
		mixers = append(mixers, x)
	}
	m, err := m.WithMixers(mixers)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// Random makes a model up: what config says, of one layer for each of the mixers,
// matrices N(0, 1/columns), norms 1. The store lasts as long as the test.
func Random(tb testing.TB, config map[string]any, layers ...string) (nn.Net, *nn.Store) {
	tb.Helper()
	config["architectures"] = []string{"LlamaForCausalLM"}
	config["num_hidden_layers"] = len(layers)
	text, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := arch.Describe(text)
	if err != nil {
		tb.Fatal(err)
	}
	m = WithMixers(tb, m, layers...)
	store := nn.NewStore()
	tb.Cleanup(store.Finalize)
	params := nn.NewParams(store, "model")
	random := rand.New(rand.NewPCG(1, 2))
	for _, w := range m.Weights() {
		n := 1
		for _, d := range w.Shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(random.NormFloat64() / math.Sqrt(float64(w.Shape[len(w.Shape)-1])))
			if strings.HasSuffix(w.Name, "norm.weight") {
				data[i] = 1
			}
		}
		if err := params.Set(w.Name, w.Shape, data); err != nil {
			tb.Fatal(err)
		}
	}
	return nn.Net{Model: m, Weights: params}, store
}

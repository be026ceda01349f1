// Package nntest loads models for the tests of packages that run them.
package nntest

import (
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Load reads a model folder into a store that lasts as long as the test.
func Load(tb testing.TB, dir string) (nn.Net, *nn.Store) {
	tb.Helper()
	folder, err := checkpoints.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // read only
	m, err := arch.Describe(folder.Config().Bytes())
	if err != nil {
		tb.Fatal(err)
	}
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

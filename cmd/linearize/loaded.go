package main

import (
	"fmt"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// loadedModel is a model folder on an engine, ready to run.
type loadedModel struct {
	net     nn.Net
	store   *nn.Store
	backend compute.Backend
}

// loadModel reads a teacher's or a student's folder onto an engine.
func loadModel(dir, engineSpec string) (_ *loadedModel, err error) {
	folder, err := pretrained.Open(dir)
	if err != nil {
		return nil, invalid(err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	m := &loadedModel{store: nn.NewStore()}
	if m.backend, err = engine.Open(engineSpec); err != nil {
		return nil, err
	}
	params, err := nn.LoadParams(m.store, "model", folder, folder.Model, nil)
	if err != nil {
		m.Close()
		return nil, invalid(fmt.Errorf("load %s: %w", dir, err))
	}
	m.net = nn.Net{Model: folder.Model, Weights: params}
	return m, nil
}

// Close frees the weights and the engine; what was compiled for it goes first.
func (m *loadedModel) Close() {
	m.store.Finalize()
	engine.Close(m.backend)
}

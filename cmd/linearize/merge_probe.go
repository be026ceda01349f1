package main

import (
	"fmt"
	"math"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/lora"
)

// probeTokens is how many tokens the probe of a merge reads.
const probeTokens = 32

// mergeProbe compares the logits of a base with its adapter beside the weights with
// those of the merged folder.
type mergeProbe struct {
	Tokens     int     `json:"tokens"`
	Difference float64 `json:"logits_difference"` // the largest
	Largest    float64 `json:"largest_logit"`     // in magnitude, before merging
}

func comparePredictions(beside, merged []float32) *mergeProbe {
	p := &mergeProbe{Tokens: probeTokens}
	for i, x := range beside {
		p.Difference = max(p.Difference, math.Abs(float64(x)-float64(merged[i])))
		p.Largest = max(p.Largest, math.Abs(float64(x)))
	}
	return p
}

// probeMemory is what the probe needs when the largest part of a model that it has in
// memory at once has so many parameters: as fp32, and the engine's copies of them.
func probeMemory(parameters int64) int64 { return 64<<20 + 16*parameters }

// logits runs a folder, with corrections beside its weights, on ids that are spread over
// the vocabulary and the same for every model of its size. A layer at a time is in memory.
func (c *mergeCmd) logits(dir string, low []lora.Correction) (_ []float32, err error) {
	folder, err := pretrained.Open(dir)
	if err != nil {
		return nil, invalid(err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	backend, err := engine.Open(c.engine)
	if err != nil {
		return nil, err
	}
	defer engine.Close(backend)
	s := infer.Streamed{Backend: backend, Model: folder.Model, Read: folder.Float32}
	for _, x := range low {
		s.Low = append(s.Low, infer.Low(x))
	}
	ids := make([]int, probeTokens)
	for i := range ids {
		ids[i] = (2*i + 1) * folder.Model.Vocab / (2 * probeTokens)
	}
	logits, err := s.Logits(ids)
	if err != nil {
		return nil, invalid(fmt.Errorf("probe %s: %w", dir, err))
	}
	return logits, nil
}

package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
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

// logits runs a folder, with corrections beside its weights, on ids that are spread over
// the vocabulary and the same for every model of its size.
func (c *mergeCmd) logits(dir string, low []lora.Correction) (_ []float32, err error) {
	m, err := loadModel(dir, c.engine)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for _, x := range low {
		err := errors.Join(
			m.params.Set(x.Module+nn.LoRAA, []int{x.R, x.In}, x.A),
			m.params.Set(x.Module+nn.LoRAB, []int{x.Out, x.R}, x.B))
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		m.params.Adapt(x.Module, x.Scale)
	}
	d, err := infer.NewDecoder(infer.Model{Backend: m.backend, Store: m.store, Net: m.net})
	if err != nil {
		return nil, err
	}
	defer d.Finalize()
	ids := make([]int, probeTokens)
	for i := range ids {
		ids[i] = (2*i + 1) * m.net.Model.Vocab / (2 * probeTokens)
	}
	logits, err := d.Forward(ids)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return logits, nil
}

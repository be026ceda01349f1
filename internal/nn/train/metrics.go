package train

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
)

// Metrics is what one optimizer step measured.
type Metrics struct {
	Loss     float64
	Parts    []float64 // see [Trainer.Parts]
	GradNorm float64   // global, before clipping, summed in fp32 as the step saw it
	Squares  []float64 // sum of squares of each trainable tensor's gradient
}

// Finite reports whether loss and gradient are numbers; if not, the step changed nothing.
func (m Metrics) Finite() bool {
	s := m.Loss + m.GradNorm
	return !math.IsNaN(s) && !math.IsInf(s, 0)
}

// metrics reads what a graph gave, either of which may be nil.
func (t *Trainer) metrics(losses, squares *tensors.Tensor) (Metrics, error) {
	var m Metrics
	if losses != nil {
		flat, err := tensors.CopyFlatData[float32](losses)
		if err != nil {
			return m, fmt.Errorf("read losses: %w", err)
		}
		m.Loss = float64(flat[0])
		for _, x := range flat[1:] {
			m.Parts = append(m.Parts, float64(x))
		}
	}
	if squares != nil {
		flat, err := tensors.CopyFlatData[float32](squares)
		if err != nil {
			return m, fmt.Errorf("read gradient norms: %w", err)
		}
		for _, x := range flat[:len(flat)-1] {
			m.Squares = append(m.Squares, float64(x))
		}
		m.GradNorm = float64(flat[len(flat)-1])
	}
	return m, nil
}

// add adds what a micro-batch measured, with its share of the step.
func (m *Metrics) add(x Metrics, share float64) {
	m.Loss += share * x.Loss
	if m.Parts == nil {
		m.Parts = make([]float64, len(x.Parts))
	}
	for i, p := range x.Parts {
		m.Parts[i] += share * p
	}
}

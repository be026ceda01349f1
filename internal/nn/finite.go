package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// NotFiniteError reports a weight that is not a number.
type NotFiniteError struct {
	Layer   int // -1: outside the layers
	Tensor  string
	Element int
	Value   float32
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("%s: tensor %s is %v at element %d", Place(e.Layer), e.Tensor, e.Value, e.Element)
}

// notFinite finds the first element of a tensor that is not a number; nil if there is none.
func notFinite(layer int, name string, data []float32) *NotFiniteError {
	i := slices.IndexFunc(data, func(x float32) bool { return x-x != 0 })
	if i < 0 {
		return nil
	}
	return &NotFiniteError{Layer: layer, Tensor: name, Element: i, Value: data[i]}
}

// NotFinite names the first tensor that holds a NaN or an infinity, as
// "layer 2: tensor NAME is NaN at element 5"; it is empty when none does.
func (p *Params) NotFinite(m *arch.Model) (string, error) {
	layerOf := Layers(m)
	for _, name := range p.names {
		data, err := p.Float32(name)
		if err != nil {
			return "", err
		}
		if bad := notFinite(layerOf(name), name, data); bad != nil {
			return bad.Error(), nil
		}
	}
	return "", nil
}

// Layers returns the layer of a tensor of the model, or of an adapter of one; -1
// stands for a tensor outside the layers.
func Layers(m *arch.Model) func(name string) int {
	layers := map[string]int{}
	for _, w := range m.Weights() {
		layers[w.Name] = w.Layer
	}
	return func(name string) int {
		for _, suffix := range []string{LoRAA, LoRAB} {
			if module, ok := strings.CutSuffix(name, suffix); ok {
				return layers[module+".weight"]
			}
		}
		return layers[name]
	}
}

// Place is a layer's number in the words of a message.
func Place(layer int) string {
	if layer < 0 {
		return "outside the layers"
	}
	return fmt.Sprintf("layer %d", layer)
}

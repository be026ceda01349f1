package arch

import (
	"reflect"
	"slices"
)

// Single is the model that has layer i alone, as its layer 0: with the layer's own
// window, rope, heads and mixer. Its tensors are those of [Model.LayerWeights], in the
// same order under the names of layer 0. What stands before and behind the layers is
// not meant to be used.
func (m *Model) Single(i int) *Model {
	one := *m
	one.Layers, one.Mixers = 1, m.Mixers[i:i+1:i+1]
	one.storage = storage{}
	if m.layers != nil {
		one.layers = m.layers[i : i+1 : i+1]
	}
	if m.DepthScale { // what depends on the layer's number is worked in
		one.AttentionScale, one.DepthScale = m.At(i).Scale(i), false
	}
	return &one
}

// Same reports whether two models are built alike, tensor for tensor: one graph
// serves both.
func (m *Model) Same(other *Model) bool { return reflect.DeepEqual(m, other) }

// LayerWeights lists the tensors of layer i, as [Model.Weights] does those of all.
func (m *Model) LayerWeights(i int) []Weight {
	return slices.DeleteFunc(m.Weights(), func(w Weight) bool { return w.Layer != i })
}

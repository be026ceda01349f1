package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// LayerMixer gives some of the layers a mixer of their own.
type LayerMixer struct {
	Layers string `json:"layers"` // numbers and ranges, "1,3-5"
	Mixer  string `json:"mixer"`  // as arch.Model.ParseMixer reads it
}

// String is the form that [ParseLayerMixer] reads.
func (x LayerMixer) String() string { return x.Layers + "=" + x.Mixer }

// LayerMixerError reports an entry of the map from layers to mixers that cannot be
// read or does not fit the model or the other entries.
type LayerMixerError struct{ Spec, Problem string }

func (e *LayerMixerError) Error() string { return fmt.Sprintf("layer-mixer %q: %s", e.Spec, e.Problem) }

// Hint shows the form.
func (*LayerMixerError) Hint() string {
	return "want LAYERS=MIXER, as 1,3-5=hedgehog,window=16; each layer at most once, and none that --keep keeps"
}

// ParseLayerMixer reads "1,3-5=hedgehog,window=16". Its parts are judged by [NewPlan].
// The error is a [*LayerMixerError].
func ParseLayerMixer(spec string) (LayerMixer, error) {
	layers, mixer, ok := strings.Cut(spec, "=")
	if !ok {
		return LayerMixer{}, &LayerMixerError{spec, "there is no ="}
	}
	return LayerMixer{strings.TrimSpace(layers), strings.TrimSpace(mixer)}, nil
}

// ownMixer is an entry of the map once it is read.
type ownMixer struct {
	entry  LayerMixer // in its shortest form
	layers []int      // in order
	mixer  arch.Mixer
}

// parseLayerMixers reads the entries, of which no two may name the same layer.
func parseLayerMixers(entries []LayerMixer, read func(spec string) (arch.Mixer, error)) ([]ownMixer, error) {
	var own []ownMixer
	for _, x := range entries {
		layers, err := arch.ParseLayers(x.Layers)
		if err != nil {
			return nil, &LayerMixerError{x.String(), err.Error()}
		}
		mixer, err := parseMixer(x.Mixer, read)
		if err != nil {
			return nil, err
		}
		for _, layer := range layers {
			if slices.ContainsFunc(own, func(other ownMixer) bool { return slices.Contains(other.layers, layer) }) {
				return nil, &LayerMixerError{x.String(), fmt.Sprintf("layer %d has a mixer of its own already", layer)}
			}
		}
		own = append(own, ownMixer{LayerMixer{arch.FormatLayers(layers), mixer.String()}, layers, mixer})
	}
	return own, nil
}

// fit checks an entry against a model of n layers, of which some are kept.
func (x ownMixer) fit(n int, kept []int) error {
	both := slices.DeleteFunc(slices.Clone(x.layers), func(i int) bool { return !slices.Contains(kept, i) })
	switch last := x.layers[len(x.layers)-1]; {
	case last >= n:
		return &LayerMixerError{x.entry.String(), fmt.Sprintf("no layer %d: the model has layers 0 to %d", last, n-1)}
	case len(both) > 0:
		return &LayerMixerError{x.entry.String(), "also kept: layer " + arch.FormatLayers(both)}
	}
	return nil
}

// parseMixer reads a mixer that a layer can be converted to.
func parseMixer(spec string, read func(spec string) (arch.Mixer, error)) (arch.Mixer, error) {
	mixer, err := read(spec)
	if err == nil && mixer.Equal(arch.SoftmaxMixer()) {
		err = noConversion(spec, "softmax over all keys is what a conversion replaces")
	}
	return mixer, err
}

// noConversion refuses a mixer that would make nothing cheaper.
func noConversion(spec, why string) error {
	others := slices.DeleteFunc(arch.Mixers(), func(name string) bool { return name == arch.Softmax })
	return &arch.MixerError{Spec: spec, Problem: why, Choices: append(others, arch.Softmax+" with a window")}
}

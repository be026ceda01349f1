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
	Mixer  string `json:"mixer"`  // as arch.ParseMixer reads it
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

// parseLayerMixers resolves the entries to one mixer per layer, and writes them in
// their shortest form.
func parseLayerMixers(entries []LayerMixer) (map[int]arch.Mixer, error) {
	byLayer := map[int]arch.Mixer{}
	for i, x := range entries {
		layers, err := arch.ParseLayers(x.Layers)
		if err != nil {
			return nil, &LayerMixerError{x.String(), err.Error()}
		}
		mixer, err := parseMixer(x.Mixer)
		if err != nil {
			return nil, err
		}
		for _, layer := range layers {
			if _, twice := byLayer[layer]; twice {
				return nil, &LayerMixerError{x.String(), fmt.Sprintf("layer %d has a mixer of its own already", layer)}
			}
			byLayer[layer] = mixer
		}
		entries[i] = LayerMixer{arch.FormatLayers(layers), mixer.String()}
	}
	return byLayer, nil
}

// fit checks the map against a model of n layers, of which some are kept.
func fit(entries []LayerMixer, n int, kept []int) error {
	for _, x := range entries {
		layers, err := arch.ParseLayers(x.Layers)
		if err != nil {
			return err
		}
		both := slices.DeleteFunc(slices.Clone(layers), func(i int) bool { return !slices.Contains(kept, i) })
		switch last := layers[len(layers)-1]; {
		case last >= n:
			return &LayerMixerError{x.String(), fmt.Sprintf("no layer %d: the model has layers 0 to %d", last, n-1)}
		case len(both) > 0:
			return &LayerMixerError{x.String(), "also kept: layer " + arch.FormatLayers(both)}
		}
	}
	return nil
}

// parseMixer reads a mixer that a layer can be converted to.
func parseMixer(spec string) (arch.Mixer, error) {
	mixer, err := arch.ParseMixer(spec)
	if err == nil && mixer.Equal(arch.SoftmaxMixer()) {
		others := slices.DeleteFunc(arch.Mixers(), func(name string) bool { return name == arch.Softmax })
		err = &arch.MixerError{Spec: spec, Problem: "it is what the layers have already", Choices: others}
	}
	return mixer, err
}

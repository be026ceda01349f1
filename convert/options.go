package convert

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/seeding"
)

// Options is what a conversion can be asked for.
type Options struct {
	Mixer   string `json:"mixer"`   // as arch.Model.ParseMixer reads it: "hedgehog,window=16"
	Keep    string `json:"keep"`    // as [ParseKeep] reads it; "" is none
	Seeding string `json:"seeding"` // a method of package seeding that fits all mixers; "" is the default of each
	Seed    uint64 `json:"seed"`
	DType   string `json:"dtype"` // f32, f16 or bf16 for every tensor; "" keeps the source's

	LayerMixers []LayerMixer `json:"layer_mixers,omitempty"` // layers that get another mixer than Mixer

	MaxShardSize int64  `json:"max_shard_size"`   // bytes; 0 is checkpoints.DefaultShardSize
	Overwrite    bool   `json:"overwrite"`        // replace an output folder that is not empty
	NoSync       bool   `json:"-"`                // as [checkpoints.Output] has it
	Version      string `json:"version"`          // of the program, for linearize.json and the card
	Origin       string `json:"origin,omitempty"` // what the source is on the hub, as org/name@commit
}

var dtypes = map[string]checkpoints.DType{"f32": checkpoints.F32, "f16": checkpoints.F16, "bf16": checkpoints.BF16}

// OptionError reports an option whose value is not one of its choices.
type OptionError struct{ Option, Got, Want string }

func (e *OptionError) Error() string { return fmt.Sprintf("%s %q: want %s", e.Option, e.Got, e.Want) }

// request is what the options come to.
type request struct {
	mixer arch.Mixer
	own   []ownMixer // the layers that get another one
	keep  Keep
	dtype checkpoints.DType // "": the source's
}

// of returns the mixer of a layer that is converted.
func (r request) of(layer int) arch.Mixer {
	for _, x := range r.own {
		if slices.Contains(x.layers, layer) {
			return x.mixer
		}
	}
	return r.mixer
}

// parse checks the options and fills in the defaults, but for those of the mixers.
func (o *Options) parse() (r request, err error) {
	if err = r.mixers(*o, arch.ParseMixer); err != nil {
		return r, err
	}
	if r.keep, err = ParseKeep(o.Keep); err != nil {
		return r, err
	}
	if err = o.parseSeeding(r); err != nil {
		return r, err
	}
	var ok bool
	if r.dtype, ok = dtypes[o.DType]; !ok && o.DType != "" {
		return r, &OptionError{"dtype", o.DType, "f32, f16 or bf16"}
	}
	if o.MaxShardSize < 0 {
		return r, &OptionError{"max-shard-size", strconv.FormatInt(o.MaxShardSize, 10), "more than 0"}
	}
	o.Keep = r.keep.String()
	return r, nil
}

// mixers reads all mixers.
func (r *request) mixers(o Options, read func(spec string) (arch.Mixer, error)) (err error) {
	if r.mixer, err = parseMixer(o.Mixer, read); err != nil {
		return err
	}
	r.own, err = parseLayerMixers(o.LayerMixers, read)
	return err
}

// suit reads the mixers once more, now that it is known whose layers they are for.
func (r *request) suit(m *arch.Model, o *Options) error {
	if err := r.mixers(*o, m.ParseMixer); err != nil {
		return err
	}
	o.Mixer, o.LayerMixers = r.mixer.String(), nil // not in place: the caller's entries stay as they are
	for _, x := range r.own {
		o.LayerMixers = append(o.LayerMixers, x.entry)
	}
	return nil
}

// parseSeeding checks that the method fits every mixer. Without one, and with one
// mixer for all layers, it is that mixer's default; else the layers say theirs.
func (o *Options) parseSeeding(r request) error {
	if o.Seeding == "" {
		if len(r.own) == 0 {
			o.Seeding = seeding.DefaultMethod(r.mixer.Name)
		}
		return nil
	}
	for _, x := range append([]ownMixer{{mixer: r.mixer}}, r.own...) {
		if err := seeding.Check(o.Seeding, x.mixer.Name); err != nil {
			return err
		}
	}
	return nil
}

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
	Mixer   string `json:"mixer"`   // as arch.ParseMixer reads it: "hedgehog,window=16"
	Keep    string `json:"keep"`    // as [ParseKeep] reads it; "" is none
	Seeding string `json:"seeding"` // a method of package seeding; "" is the mixer's default
	Seed    uint64 `json:"seed"`
	DType   string `json:"dtype"` // f32, f16 or bf16 for every tensor; "" keeps the source's

	MaxShardSize int64  `json:"max_shard_size"` // bytes; 0 is checkpoints.DefaultShardSize
	Overwrite    bool   `json:"overwrite"`      // replace an output folder that is not empty
	Version      string `json:"version"`        // of the program, for linearize.json and the card
}

var dtypes = map[string]checkpoints.DType{"f32": checkpoints.F32, "f16": checkpoints.F16, "bf16": checkpoints.BF16}

// OptionError reports an option that is none of its choices.
type OptionError struct{ Option, Got, Want string }

func (e *OptionError) Error() string { return fmt.Sprintf("%s %q: want %s", e.Option, e.Got, e.Want) }

// parse checks the options and fills in the defaults.
func (o *Options) parse() (mixer arch.Mixer, keep Keep, as checkpoints.DType, err error) {
	if mixer, err = arch.ParseMixer(o.Mixer); err != nil {
		return mixer, keep, as, err
	}
	if mixer.Name == arch.Softmax {
		others := slices.DeleteFunc(arch.Mixers(), func(name string) bool { return name == arch.Softmax })
		return mixer, keep, as, &arch.MixerError{Spec: o.Mixer, Problem: "it is what the layers have already", Choices: others}
	}
	if keep, err = ParseKeep(o.Keep); err != nil {
		return mixer, keep, as, err
	}
	if o.Seeding == "" {
		o.Seeding = seeding.DefaultMethod(mixer.Name)
	}
	if err = seeding.Check(o.Seeding, mixer.Name); err != nil {
		return mixer, keep, as, err
	}
	as, ok := dtypes[o.DType]
	if !ok && o.DType != "" {
		return mixer, keep, as, &OptionError{"dtype", o.DType, "f32, f16 or bf16"}
	}
	if o.MaxShardSize < 0 {
		return mixer, keep, as, &OptionError{"max-shard-size", strconv.FormatInt(o.MaxShardSize, 10), "more than 0"}
	}
	o.Mixer, o.Keep = mixer.String(), keep.String()
	return mixer, keep, as, nil
}

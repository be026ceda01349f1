package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// ropeConfig is one dictionary of rotary settings, under either of its spellings.
type ropeConfig struct {
	RopeType        *string   `json:"rope_type"`
	Type            *string   `json:"type"`
	Theta           *float64  `json:"rope_theta"`
	Partial         *float64  `json:"partial_rotary_factor"`
	Factor          *float64  `json:"factor"`
	Original        *int      `json:"original_max_position_embeddings"`
	LowFreq         *float64  `json:"low_freq_factor"`
	HighFreq        *float64  `json:"high_freq_factor"`
	BetaFast        *float64  `json:"beta_fast"`
	BetaSlow        *float64  `json:"beta_slow"`
	Truncate        *bool     `json:"truncate"`
	MScale          *float64  `json:"mscale"`
	MScaleAllDim    *float64  `json:"mscale_all_dim"`
	AttentionFactor *float64  `json:"attention_factor"`
	Short           []float64 `json:"short_factor"`
	Long            []float64 `json:"long_factor"`
	Llama4Beta      *float64  `json:"llama_4_scaling_beta"`

	key string // where it stands, for messages
}

func (p *ropeConfig) kind() string { return or(p.RopeType, or(p.Type, "default")) }

// ropeSection is the dictionary that counts: rope_scaling as transformers 4 writes it,
// else rope_parameters as 5 does; for a type of layer its own part of that, where it
// is split by type. A folder with both spellings must mean the same by them, since
// each version reads its own.
func (c *config) ropeSection(layerType string) (*ropeConfig, error) {
	var found *ropeConfig
	for _, spelling := range []struct {
		key string
		raw json.RawMessage
	}{{"rope_scaling", c.RopeScaling}, {"rope_parameters", c.RopeParameters}} {
		if !set(spelling.raw) {
			continue
		}
		p := &ropeConfig{key: spelling.key}
		raw := spelling.raw
		var byType map[string]json.RawMessage
		if err := json.Unmarshal(raw, &byType); err != nil {
			return nil, unreadable(p.key, err)
		}
		if own, ok := byType[layerType]; ok {
			raw, p.key = own, p.key+"."+layerType
		}
		if !set(raw) {
			continue
		}
		if err := json.Unmarshal(raw, p); err != nil {
			return nil, unreadable(p.key, err)
		}
		if found == nil {
			found = p
			continue
		}
		if found.kind() != p.kind() {
			return nil, fmt.Errorf("config.json: %s.rope_type is %q and %s.rope_type %q, want one value", found.key, found.kind(), p.key, p.kind())
		}
		if p.Theta != nil && found.Theta != nil && *p.Theta != *found.Theta {
			return nil, fmt.Errorf("config.json: %s.rope_theta is %g and %s.rope_theta %g, want one value", found.key, *found.Theta, p.key, *p.Theta)
		}
		found.Theta, found.Partial = pick(found.Theta, p.Theta), pick(found.Partial, p.Partial)
	}
	if found == nil {
		found = &ropeConfig{key: "rope_parameters"}
	}
	return found, nil
}

// rope reads the embedding of a type of layer; theta is what the config says for it
// outside the dictionary, nil: nothing.
func (c *config) rope(m *Model, layerType string, theta *float64, otherwise float64) (Rope, error) {
	p, err := c.ropeSection(layerType)
	if err != nil {
		return Rope{}, err
	}
	if theta != nil && p.Theta != nil && *theta != *p.Theta {
		return Rope{}, fmt.Errorf("config.json: rope_theta is %g and %s.rope_theta %g, want one value", *theta, p.key, *p.Theta)
	}
	r := Rope{Theta: or(pick(theta, p.Theta), otherwise), Dim: m.HeadDim, Interleaved: c.interleaved}
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return r, fmt.Errorf("config.json: rope_theta is %g, want > 1", r.Theta)
	}
	partial := or(pick(p.Partial, c.PartialRotary), 1)
	switch {
	case !(partial > 0 && partial <= 1):
		return r, fmt.Errorf("config.json: partial_rotary_factor is %g, want > 0 and at most 1", partial)
	case partial < 1 && !c.partial:
		return r, fmt.Errorf("config.json: partial_rotary_factor is %g, want 1 for %s", partial, m.Family)
	}
	r.Dim = int(float64(m.HeadDim) * partial)
	if r.Dim < 2 || r.Dim%2 != 0 {
		return r, fmt.Errorf("config.json: partial_rotary_factor %g of head_dim %d turns %d dimensions, want an even number > 0", partial, m.HeadDim, r.Dim)
	}
	scale, ok := ropeKinds[p.kind()]
	if !ok {
		return r, fmt.Errorf("config.json: %s.rope_type is %q, want one of %s", p.key, p.kind(), strings.Join(slices.Sorted(maps.Keys(ropeKinds)), ", "))
	}
	err = scale(&r, p, m, c)
	return r, err
}

// ropeKinds fills in what each rope_type needs.
var ropeKinds = map[string]func(r *Rope, p *ropeConfig, m *Model, c *config) error{
	"default": func(*Rope, *ropeConfig, *Model, *config) error { return nil },
	"linear": func(r *Rope, p *ropeConfig, _ *Model, _ *config) error {
		r.Scaling = "linear"
		return r.factor(p, nil)
	},
	"dynamic": func(r *Rope, p *ropeConfig, m *Model, _ *config) error {
		r.Scaling = "dynamic"
		if r.Dim == 2 {
			return fmt.Errorf("config.json: %s: dynamic scaling needs more than 2 dimensions that turn", p.key)
		}
		if err := r.original(p, m, nil, "max_position_embeddings"); err != nil {
			return err
		}
		return r.factor(p, nil)
	},
	"llama3": func(r *Rope, p *ropeConfig, m *Model, _ *config) error {
		r.Scaling, r.Low, r.High = "llama3", or(p.LowFreq, 0), or(p.HighFreq, 0)
		if !(r.Low > 0 && r.High > r.Low) {
			return fmt.Errorf("config.json: %s: low_freq_factor is %g and high_freq_factor %g, want 0 < low < high", p.key, r.Low, r.High)
		}
		if err := r.original(p, m, p.Original, "original_max_position_embeddings"); err != nil {
			return err
		}
		return r.factor(p, nil)
	},
	"yarn": func(r *Rope, p *ropeConfig, m *Model, c *config) error {
		if c.longrope { // Phi-3 reads it so
			return longrope(r, p, m, c)
		}
		r.Scaling, r.Low, r.High, r.Exact = "yarn", or(p.BetaSlow, 1), or(p.BetaFast, 32), !or(p.Truncate, true)
		if !(r.Low > 0 && r.High > 0) {
			return fmt.Errorf("config.json: %s: beta_slow is %g and beta_fast %g, want > 0", p.key, r.Low, r.High)
		}
		if err := r.original(p, m, p.Original, "original_max_position_embeddings"); err != nil {
			return err
		}
		stretched := float64(m.MaxPositions) / float64(r.Original)
		if err := r.factor(p, &stretched); err != nil {
			return err
		}
		grown := func(scale float64) float64 { return 1 + 0.1*scale*math.Log(max(r.Factor, 1)) }
		r.Amplitude = grown(1)
		if a, b := or(p.MScale, 0), or(p.MScaleAllDim, 0); a != 0 && b != 0 {
			r.Amplitude = grown(a) / grown(b)
		}
		r.Amplitude = or(p.AttentionFactor, r.Amplitude)
		r.Beta = or(p.Llama4Beta, 0)
		return nil
	},
	"longrope": longrope,
	"su":       longrope,
}

func longrope(r *Rope, p *ropeConfig, m *Model, c *config) error {
	r.Scaling, r.Short, r.Long = "longrope", p.Short, p.Long
	for _, list := range []struct {
		key    string
		values []float64
	}{{"short_factor", p.Short}, {"long_factor", p.Long}} {
		if len(list.values) != r.Dim/2 {
			return fmt.Errorf("config.json: %s.%s has %d entries, want %d, one for each pair of dimensions that turn", p.key, list.key, len(list.values), r.Dim/2)
		}
		for i, x := range list.values {
			if !(x > 0) || math.IsInf(x, 0) {
				return fmt.Errorf("config.json: %s.%s[%d] is %g, want > 0", p.key, list.key, i, x)
			}
		}
	}
	if err := r.original(p, m, pick(c.OriginalMaxPositions, p.Original), "original_max_position_embeddings"); err != nil {
		return err
	}
	stretched := float64(m.MaxPositions) / float64(r.Original)
	if err := r.factor(p, &stretched); err != nil {
		return err
	}
	r.Amplitude = 1
	if r.Factor > 1 {
		r.Amplitude = math.Sqrt(1 + math.Log(r.Factor)/math.Log(float64(r.Original)))
	}
	r.Amplitude = or(p.AttentionFactor, r.Amplitude)
	r.Factor = 0 // it has done its work
	return nil
}

// factor reads by how much sequences are to be longer.
func (r *Rope) factor(p *ropeConfig, otherwise *float64) error {
	f := pick(p.Factor, otherwise)
	if f == nil || !(*f > 0) || math.IsInf(*f, 0) {
		return fmt.Errorf("config.json: %s.factor is %s, want a number > 0 for rope_type %q", p.key, shown(f), r.Scaling)
	}
	r.Factor = *f
	return nil
}

// original reads how long the sequences of the first training were.
func (r *Rope) original(p *ropeConfig, m *Model, given *int, key string) error {
	r.Original = or(given, m.MaxPositions)
	if r.Original < 2 {
		return fmt.Errorf("config.json: %s is %d, want at least 2 for %s.rope_type %q", key, r.Original, p.key, r.Scaling)
	}
	return nil
}

func shown(p *float64) string {
	if p == nil {
		return "missing"
	}
	return fmt.Sprintf("%g", *p)
}

// pick is the first of two that is there.
func pick[T any](p, otherwise *T) *T {
	if p != nil {
		return p
	}
	return otherwise
}

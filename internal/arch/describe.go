package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// StudentType is the model_type of the folders that convert writes.
const StudentType = "linearize"

// rawConfig is what Describe reads of a config.json. Pointers tell an absent key
// from a zero.
type rawConfig struct {
	Architectures        []string        `json:"architectures"`
	ModelType            string          `json:"model_type"`
	TeacherArchitectures []string        `json:"teacher_architectures"`
	Mixers               []Mixer         `json:"mixers"`
	Vocab                int             `json:"vocab_size"`
	Hidden               int             `json:"hidden_size"`
	Layers               int             `json:"num_hidden_layers"`
	FFN                  int             `json:"intermediate_size"`
	Heads                int             `json:"num_attention_heads"`
	KVHeads              *int            `json:"num_key_value_heads"`
	HeadDim              *int            `json:"head_dim"`
	MaxPositions         int             `json:"max_position_embeddings"`
	Eps                  *float64        `json:"rms_norm_eps"`
	Act                  string          `json:"hidden_act"`
	Tied                 *bool           `json:"tie_word_embeddings"`
	AttentionBias        bool            `json:"attention_bias"`
	MLPBias              bool            `json:"mlp_bias"`
	Theta                *float64        `json:"rope_theta"`
	RopeScaling          json.RawMessage `json:"rope_scaling"`
	RopeParameters       json.RawMessage `json:"rope_parameters"`
	PartialRotary        *float64        `json:"partial_rotary_factor"`
	BOS                  *int            `json:"bos_token_id"`
	EOS                  json.RawMessage `json:"eos_token_id"`
	Quantization         json.RawMessage `json:"quantization_config"`
}

// Describe reads a config.json. Every error names the key, what was found and
// what was wanted; an architecture without a row is an [*UnsupportedError].
func Describe(config []byte) (*Model, error) {
	var c rawConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	arches := c.Architectures
	if c.ModelType == StudentType {
		arches = c.TeacherArchitectures
	}
	if len(arches) == 0 {
		arches = []string{""}
	}
	row, ok := families[arches[0]]
	if !ok {
		return nil, &UnsupportedError{arches[0], c.ModelType}
	}
	if c.ModelType != StudentType && c.ModelType != "" && c.ModelType != row.modelType {
		return nil, fmt.Errorf("config.json: model_type is %q, want %q for architectures %q", c.ModelType, row.modelType, arches[0])
	}
	m := &Model{
		Family: arches[0], Name: c.ModelType, names: row.names,
		Vocab: c.Vocab, Hidden: c.Hidden, Layers: c.Layers, FFN: c.FFN,
		Heads: c.Heads, KVHeads: or(c.KVHeads, c.Heads),
		MaxPositions: c.MaxPositions,
		NormEps:      or(c.Eps, row.defaults.eps),
		Act:          c.Act,
		Tied:         or(c.Tied, row.defaults.tied),
		Bias:         Bias{QKV: c.AttentionBias, O: c.AttentionBias, MLP: c.MLPBias},
		BOS:          or(c.BOS, -1),
	}
	if m.Act == "" {
		m.Act = row.defaults.act
	}
	if err := checkSizes(m, &c); err != nil {
		return nil, err
	}
	var err error
	if m.Rope, err = describeRope(m, &c, row.defaults.theta); err != nil {
		return nil, err
	}
	if m.EOS, err = TokenIDs(c.EOS); err != nil {
		return nil, fmt.Errorf("config.json: eos_token_id %w", err)
	}
	m.Mixers, err = describeMixers(m, &c)
	return m, err
}

// No model comes near these; a product of two sizes and the table of all layers'
// names stay far from what an int and memory hold.
const (
	maxSize   = 1 << 30
	maxLayers = 1 << 14
)

func checkSizes(m *Model, c *rawConfig) error {
	for _, f := range []struct {
		key        string
		value, max int
	}{
		{"vocab_size", m.Vocab, maxSize},
		{"hidden_size", m.Hidden, maxSize},
		{"num_hidden_layers", m.Layers, maxLayers},
		{"intermediate_size", m.FFN, maxSize},
		{"num_attention_heads", m.Heads, maxSize},
		{"num_key_value_heads", m.KVHeads, maxSize},
		{"head_dim", or(c.HeadDim, 1), maxSize},
	} {
		if f.value <= 0 {
			return fmt.Errorf("config.json: %s is %d, want > 0", f.key, f.value)
		}
		if f.value > f.max {
			return fmt.Errorf("config.json: %s is %d, want at most %d", f.key, f.value, f.max)
		}
	}
	if m.Heads%m.KVHeads != 0 {
		return fmt.Errorf("config.json: num_attention_heads (%d) is not a multiple of num_key_value_heads (%d)", m.Heads, m.KVHeads)
	}
	if c.HeadDim == nil && m.Hidden%m.Heads != 0 {
		return fmt.Errorf("config.json: hidden_size (%d) is not a multiple of num_attention_heads (%d), and there is no head_dim", m.Hidden, m.Heads)
	}
	m.HeadDim = or(c.HeadDim, m.Hidden/m.Heads)
	if m.HeadDim <= 0 || m.HeadDim%2 != 0 {
		return fmt.Errorf("config.json: head_dim is %d, want an even number > 0", m.HeadDim)
	}
	if !(m.NormEps > 0) || math.IsInf(m.NormEps, 0) {
		return fmt.Errorf("config.json: rms_norm_eps is %g, want > 0", m.NormEps)
	}
	if m.Act != "silu" {
		return fmt.Errorf("config.json: hidden_act is %q, want \"silu\"", m.Act)
	}
	if set(c.Quantization) {
		return errors.New("config.json: quantization_config: quantized weights are not supported, want plain F32, F16 or BF16 tensors")
	}
	return nil
}

// describeRope takes both spellings: rope_theta with rope_scaling (transformers
// 4) and rope_parameters (5). A folder that has both must mean the same by them:
// each version reads its own.
func describeRope(m *Model, c *rawConfig, theta float64) (Rope, error) {
	r := Rope{Theta: or(c.Theta, theta), Dim: m.HeadDim}
	partial := or(c.PartialRotary, 1)
	for _, spelling := range []struct {
		key string
		raw json.RawMessage
	}{{"rope_scaling", c.RopeScaling}, {"rope_parameters", c.RopeParameters}} {
		if !set(spelling.raw) {
			continue
		}
		var p struct {
			RopeType *string  `json:"rope_type"`
			Type     *string  `json:"type"`
			Theta    *float64 `json:"rope_theta"`
			Partial  *float64 `json:"partial_rotary_factor"`
		}
		if err := json.Unmarshal(spelling.raw, &p); err != nil {
			return r, fmt.Errorf("config.json: %s: %w", spelling.key, err)
		}
		if kind := or(p.RopeType, or(p.Type, "default")); kind != "default" {
			return r, fmt.Errorf("config.json: %s.rope_type is %q, want \"default\"", spelling.key, kind)
		}
		if p.Theta != nil {
			if c.Theta != nil && *c.Theta != *p.Theta {
				return r, fmt.Errorf("config.json: rope_theta is %g and %s.rope_theta %g, want one value", *c.Theta, spelling.key, *p.Theta)
			}
			r.Theta = *p.Theta
		}
		if p.Partial != nil {
			partial = *p.Partial
		}
	}
	if partial != 1 {
		return r, fmt.Errorf("config.json: partial_rotary_factor is %g, want 1", partial)
	}
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return r, fmt.Errorf("config.json: rope_theta is %g, want > 1", r.Theta)
	}
	return r, nil
}

func describeMixers(m *Model, c *rawConfig) ([]Mixer, error) {
	if c.ModelType != StudentType {
		return slices.Repeat([]Mixer{SoftmaxMixer()}, m.Layers), nil
	}
	if len(c.Mixers) != m.Layers {
		return nil, fmt.Errorf("config.json: mixers has %d entries, want one for each of the %d layers", len(c.Mixers), m.Layers)
	}
	for i, x := range c.Mixers {
		if err := x.Check(m); err != nil {
			return nil, fmt.Errorf("config.json: mixers[%d]: %w", i, err)
		}
	}
	return c.Mixers, nil
}

// TokenIDs reads what config files write where there may be several ids: an id, a
// list of ids, or null. A null in a list is no id.
func TokenIDs(raw json.RawMessage) ([]int, error) {
	if !set(raw) {
		return nil, nil
	}
	was := raw
	if raw[0] != '[' {
		raw = slices.Concat(json.RawMessage("["), raw, json.RawMessage("]"))
	}
	var list []*int
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("is %s, want an id or a list of ids", was)
	}
	var ids []int
	for _, id := range list {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids, nil
}

func set(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

func or[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

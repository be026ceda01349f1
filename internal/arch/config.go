package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// config is what Describe reads of a config.json, under the names that most
// families have for it. Pointers tell an absent or null key from a zero.
type config struct {
	Architectures        []string `json:"architectures"`
	ModelType            string   `json:"model_type"`
	TeacherArchitectures []string `json:"teacher_architectures"`
	Mixers               []Mixer  `json:"mixers"`

	Vocab        int             `json:"vocab_size"`
	Hidden       int             `json:"hidden_size"`
	Layers       int             `json:"num_hidden_layers"`
	FFN          *int            `json:"intermediate_size"`
	Heads        int             `json:"num_attention_heads"`
	KVHeads      *int            `json:"num_key_value_heads"`
	HeadDim      *int            `json:"head_dim"`
	MaxPositions int             `json:"max_position_embeddings"`
	Tied         *bool           `json:"tie_word_embeddings"`
	BOS          *int            `json:"bos_token_id"`
	EOS          json.RawMessage `json:"eos_token_id"`

	Eps           *float64 `json:"rms_norm_eps"`
	Act           *string  `json:"hidden_act"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`

	Theta                *float64        `json:"rope_theta"`
	LocalTheta           *float64        `json:"rope_local_base_freq"`
	RopeScaling          json.RawMessage `json:"rope_scaling"`
	RopeParameters       json.RawMessage `json:"rope_parameters"`
	PartialRotary        *float64        `json:"partial_rotary_factor"`
	OriginalMaxPositions *int            `json:"original_max_position_embeddings"`

	Window          *int            `json:"sliding_window"`
	UseWindow       bool            `json:"use_sliding_window"`
	MaxWindowLayers *int            `json:"max_window_layers"`
	WindowPattern   json.RawMessage `json:"sliding_window_pattern"` // a number, or letters of EXAONE 4
	LayerTypes      []string        `json:"layer_types"`
	NoRopeLayers    []int           `json:"no_rope_layers"`
	NoRopeInterval  *int            `json:"no_rope_layer_interval"`

	QueryScalar      *float64 `json:"query_pre_attn_scalar"`
	AttentionSoftcap *float64 `json:"attn_logit_softcapping"`
	LogitSoftcap     *float64 `json:"final_logit_softcapping"`
	AttentionScale   *float64 `json:"attention_multiplier"`
	EmbeddingScale   *float64 `json:"embedding_multiplier"`
	ResidualScale    *float64 `json:"residual_multiplier"`
	LogitsDivisor    *float64 `json:"logits_scaling"`
	LogitScale       *float64 `json:"logit_scale"`
	ClipQKV          *float64 `json:"clip_qkv"`
	ParallelResidual bool     `json:"use_parallel_residual"`
	QKNorm           bool     `json:"qk_norm"` // use_qk_norm, qk_layernorm
	DepthScale       bool     `json:"scale_attn_by_inverse_layer_idx"`
	ScaleAttention   *bool    `json:"scale_attn_weights"`
	AttentionOutBias bool     `json:"attention_out_bias"`

	// Of native hybrids.
	PositionType     string          `json:"position_embedding_type"`
	FullInterval     int             `json:"full_attention_interval"`
	MambaHeads       int             `json:"mamba_n_heads"`
	MambaHeadDim     json.RawMessage `json:"mamba_d_head"` // a number or "auto"
	MambaGroups      int             `json:"mamba_n_groups"`
	MambaState       int             `json:"mamba_d_state"`
	MambaConv        int             `json:"mamba_d_conv"`
	MambaExpand      int             `json:"mamba_expand"`
	MambaConvBias    bool            `json:"mamba_conv_bias"`
	MambaProjBias    bool            `json:"mamba_proj_bias"`
	TimeStepLimit    json.RawMessage `json:"time_step_limit"`
	LinearConv       int             `json:"linear_conv_kernel_dim"`
	LinearKeyDim     int             `json:"linear_key_head_dim"`
	LinearValueDim   int             `json:"linear_value_head_dim"`
	LinearKeyHeads   int             `json:"linear_num_key_heads"`
	LinearValueHeads int             `json:"linear_num_value_heads"`

	// What the family's row says about reading it.
	interleaved, partial, longrope bool
	row                            family
}

// parseConfig reads a config.json by the row of its architecture: a nested part is
// merged in, keys get the names that most families have, and absent ones the value
// that the family's class gives them.
func parseConfig(text []byte) (*config, error) {
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, unreadable("", err)
	}
	var head config
	if err := pickKeys(raw, &head, "architectures", "model_type", "teacher_architectures"); err != nil {
		return nil, err
	}
	arches := head.Architectures
	if head.ModelType == StudentType {
		arches = head.TeacherArchitectures
	}
	if len(arches) == 0 {
		arches = []string{""}
	}
	row, ok := families[arches[0]]
	if !ok {
		return nil, unsupported(arches[0], head.ModelType, raw)
	}
	if head.ModelType != StudentType && head.ModelType != "" && !slices.Contains(row.modelTypes, head.ModelType) {
		return nil, fmt.Errorf("config.json: model_type is %q, want %q for architectures %q", head.ModelType, row.modelTypes[0], arches[0])
	}
	if err := row.normalise(raw); err != nil {
		return nil, err
	}
	if err := refuse(raw); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	c := &config{interleaved: row.interleaved, partial: row.partial, longrope: row.longrope, row: row}
	if err := json.Unmarshal(plain, c); err != nil {
		return nil, unreadable("", err)
	}
	c.Architectures = arches
	return c, nil
}

// normalise rewrites the keys of a config as [config] has them.
func (f family) normalise(raw map[string]json.RawMessage) error {
	if f.nested != "" && set(raw[f.nested]) {
		var inner map[string]json.RawMessage
		if err := json.Unmarshal(raw[f.nested], &inner); err != nil {
			return unreadable(f.nested, err)
		}
		for key, value := range inner {
			if _, ok := raw[key]; !ok {
				raw[key] = value
			}
		}
	}
	for _, key := range f.ignores {
		delete(raw, key)
	}
	for theirs, ours := range f.spelling {
		if value, ok := raw[theirs]; ok {
			raw[ours] = value
		}
	}
	defaults := f.defaults
	if f.rope != nil && !set(raw["rope_scaling"]) && !set(raw["rope_parameters"]) {
		delete(raw, "rope_parameters") // a null
		defaults = defaults.with(keys{"rope_parameters": f.rope})
	}
	for key, value := range defaults {
		if _, ok := raw[key]; ok {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("families: %s: %w", key, err)
		}
		raw[key] = text
	}
	return nil
}

// Absent returns the keys that a config leaves to its class, in the family's spelling,
// with the values that the class gives them; what the class works out from other keys
// is in it, too. A student spells them out, since its reader knows no such class.
func Absent(text []byte) (map[string]any, error) {
	m, err := Describe(text)
	if err != nil {
		return nil, err
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, unreadable("", err)
	}
	row := families[m.Family]
	absent := maps.Clone(row.defaults)
	delete(absent, "partial_rotary_factor") // of the rope's dictionary
	absent["num_key_value_heads"], absent["head_dim"] = m.KVHeads, m.HeadDim
	if err := (family{nested: row.nested, spelling: row.spelling, ignores: row.ignores}).normalise(raw); err != nil {
		return nil, err
	}
	for key := range absent {
		value, ok := raw[key]
		if derived := key == "num_key_value_heads" || key == "head_dim"; ok && (set(value) || !derived) {
			delete(absent, key)
		}
	}
	if row.rope != nil && !set(raw["rope_scaling"]) && !set(raw["rope_parameters"]) {
		absent["rope_parameters"] = row.rope
	}
	c := config{row: row}
	named := map[string]any{}
	for key, value := range absent {
		named[c.key(key)] = value
	}
	return named, nil
}

// key is a config key as the family spells it, for messages.
func (c *config) key(ours string) string {
	for theirs, name := range c.row.spelling {
		if name == ours {
			return theirs
		}
	}
	return ours
}

// pickKeys decodes some keys of a document.
func pickKeys(raw map[string]json.RawMessage, into *config, keys ...string) error {
	some := map[string]json.RawMessage{}
	for _, key := range keys {
		if value, ok := raw[key]; ok {
			some[key] = value
		}
	}
	text, err := json.Marshal(some)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return unreadable("", err)
	}
	return nil
}

func set(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

func or[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

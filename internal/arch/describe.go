package arch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// StudentType is the model_type of the folders that convert writes.
const StudentType = "linearize"

// Describe reads a config.json. Every error names the key, what was found and
// what was wanted; an architecture without a row is an [*UnsupportedError].
func Describe(text []byte) (*Model, error) {
	c, err := parseConfig(text)
	if err != nil {
		return nil, err
	}
	row := c.row
	m := &Model{
		Family: c.Architectures[0], Name: c.ModelType, names: row.names, Block: row.block,
		Vocab: c.Vocab, Hidden: c.Hidden, Layers: c.Layers, FFN: or(c.FFN, 0),
		Heads: c.Heads, KVHeads: or(c.KVHeads, c.Heads),
		MaxPositions: c.MaxPositions,
		NormEps:      or(c.Eps, 0),
		Tied:         or(c.Tied, false),
		Bias:         Bias{QKV: c.AttentionBias, O: c.AttentionBias, MLP: c.MLPBias && row.mlpBias},
		BOS:          or(c.BOS, -1),
	}
	if c.ModelType != StudentType {
		m.storage = row.storage
		m.Locate(func(string) bool { return false })
	}
	for _, check := range []func(*config, *Model) error{checkSizes, checkLists, describeAct, row.describe, describeLayers} {
		if check == nil {
			continue
		}
		if err := check(c, m); err != nil {
			return nil, err
		}
	}
	if m.EOS, err = TokenIDs(c.EOS); err != nil {
		return nil, fmt.Errorf("config.json: eos_token_id %w", err)
	}
	m.Mixers, err = describeMixers(m, c)
	return m, err
}

// No model comes near these; a product of two sizes, the table of all layers' names,
// and that of where each head's rows are stay far from what an int and memory hold.
const (
	maxSize   = 1 << 30
	maxLayers = 1 << 14
	maxHeads  = 1 << 20 // of all layers together
)

func checkSizes(c *config, m *Model) error {
	for _, f := range []struct {
		key        string
		value, max int
	}{
		{"vocab_size", m.Vocab, maxSize},
		{"hidden_size", m.Hidden, maxSize},
		{"num_hidden_layers", m.Layers, maxLayers},
		{"num_attention_heads", m.Heads, maxSize},
		{"num_key_value_heads", m.KVHeads, maxSize},
		{"head_dim", or(c.HeadDim, 1), maxSize},
		{"intermediate_size", or(c.FFN, 1), maxSize},
		{"max_position_embeddings", max(m.MaxPositions, 1), maxSize},
		{"sliding_window", or(c.Window, 1), maxSize},
	} {
		if f.value <= 0 {
			return fmt.Errorf("config.json: %s is %d, want > 0", c.key(f.key), f.value)
		}
		if f.value > f.max {
			return fmt.Errorf("config.json: %s is %d, want at most %d", c.key(f.key), f.value, f.max)
		}
	}
	if m.FFN == 0 {
		if !c.row.wideFFN {
			return fmt.Errorf("config.json: %s is 0, want > 0", c.key("intermediate_size"))
		}
		m.FFN = 4 * m.Hidden
	}
	heads, hidden := c.key("num_attention_heads"), c.key("hidden_size")
	if m.Heads > maxHeads/m.Layers {
		return fmt.Errorf("config.json: %s is %d in each of %d layers, want at most %d in all", heads, m.Heads, m.Layers, maxHeads)
	}
	if m.Heads%m.KVHeads != 0 {
		return fmt.Errorf("config.json: %s (%d) is not a multiple of num_key_value_heads (%d)", heads, m.Heads, m.KVHeads)
	}
	if c.HeadDim == nil && m.Hidden%m.Heads != 0 {
		return fmt.Errorf("config.json: %s (%d) is not a multiple of %s (%d), and there is no head_dim", hidden, m.Hidden, heads, m.Heads)
	}
	m.HeadDim = or(c.HeadDim, m.Hidden/m.Heads)
	if m.HeadDim <= 0 || m.HeadDim%2 != 0 {
		return fmt.Errorf("config.json: head_dim is %d, want an even number > 0", m.HeadDim)
	}
	if !(m.NormEps > 0) || math.IsInf(m.NormEps, 0) {
		return fmt.Errorf("config.json: %s is %g, want > 0", c.key("rms_norm_eps"), m.NormEps)
	}
	return nil
}

func describeAct(c *config, m *Model) error {
	act, ok := activations[or(c.Act, "")]
	if !ok {
		return fmt.Errorf("config.json: %s is %q, want one of %s", c.key("hidden_act"), or(c.Act, ""), words(activations))
	}
	m.Act = act
	return nil
}

// describeLayers reads what differs from layer to layer: windows and ropes.
func describeLayers(c *config, m *Model) error {
	windowed, err := c.windows(m)
	if err != nil {
		return err
	}
	positioned, err := c.positioned(m, windowed)
	if err != nil {
		return err
	}
	if m.Positions > 0 {
		return nil // learned, and nothing turns
	}
	linear, err := c.linearLayers(m)
	if err != nil {
		return err
	}
	if m.Rope, err = c.rope(m, "full_attention", c.Theta, cmp.Or(c.row.theta, 1e4)); err != nil {
		return err
	}
	local := m.Rope
	if c.row.localTheta > 0 {
		if local, err = c.localRope(m); err != nil {
			return err
		}
	}
	var own linearLayer
	if slices.Contains(linear, true) {
		if own, err = c.row.linear(c, m); err != nil {
			return err
		}
	}
	if own.spec == "" && !slices.Contains(windowed, true) && !slices.Contains(positioned, false) {
		return nil
	}
	m.layers = make([]layerShape, m.Layers)
	for i := range m.layers {
		switch {
		case !positioned[i]:
			m.layers[i].rope = Rope{}
		case windowed[i]:
			m.layers[i].rope = local
		default:
			m.layers[i].rope = m.Rope
		}
		if windowed[i] {
			m.layers[i].window = *c.Window
		}
		if linear[i] {
			m.layers[i].linear = own
		}
	}
	return nil
}

func describeMixers(m *Model, c *config) ([]Mixer, error) {
	if c.ModelType != StudentType {
		return teacherMixers(m)
	}
	if len(c.Mixers) != m.Layers {
		return nil, fmt.Errorf("config.json: mixers has %d entries, want one for each of the %d layers", len(c.Mixers), m.Layers)
	}
	for i, x := range c.Mixers {
		if err := x.Check(m.At(i)); err != nil {
			return nil, fmt.Errorf("config.json: mixers[%d]: %w", i, err)
		}
	}
	return c.Mixers, nil
}

// teacherMixers are those of a family's own layers.
func teacherMixers(m *Model) ([]Mixer, error) {
	mixers := make([]Mixer, m.Layers)
	for i := range mixers {
		mixers[i] = m.Native(i)
		if m.layers == nil || m.layers[i].linear.spec == "" {
			continue
		}
		x, err := ParseMixer(m.layers[i].linear.spec)
		if err == nil {
			err = x.Check(m.At(i))
		}
		if err != nil {
			return nil, fmt.Errorf("config.json: layer %d: %w", i, err)
		}
		mixers[i] = x
	}
	return mixers, nil
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

// words lists the keys of a table, sorted.
func words[T any](table map[string]T) string {
	return strings.Join(sorted(table), ", ")
}

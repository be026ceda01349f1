package arch

import (
	"fmt"
	"slices"
)

// checkLists holds the lists with an entry for each layer against their number.
func checkLists(c *config, m *Model) error {
	for _, list := range []struct {
		key   string
		there bool
		n     int
	}{
		{"layer_types", c.LayerTypes != nil, len(c.LayerTypes)},
		{"no_rope_layers", c.NoRopeLayers != nil, len(c.NoRopeLayers)},
	} {
		if list.there && list.n != m.Layers {
			return fmt.Errorf("config.json: %s has %d entries, want one for each of the %d layers", c.key(list.key), list.n, m.Layers)
		}
	}
	return nil
}

// windows says in which layers attention sees a window of keys only.
func (c *config) windows(m *Model) ([]bool, error) {
	windowed := make([]bool, m.Layers)
	if c.row.window == nil {
		return windowed, nil
	}
	if c.row.listed && c.LayerTypes != nil {
		for i, kind := range c.LayerTypes {
			if !slices.Contains([]string{"full_attention", "sliding_attention"}, kind) {
				return nil, fmt.Errorf("config.json: layer_types[%d] is %q, want full_attention or sliding_attention", i, kind)
			}
			windowed[i] = kind == "sliding_attention" && c.Window != nil
		}
		return windowed, nil
	}
	if c.Window == nil {
		return windowed, nil
	}
	for i := range windowed {
		var err error
		if windowed[i], err = c.row.window(c, i); err != nil {
			return nil, err
		}
	}
	return windowed, nil
}

// positioned says in which layers queries and keys turn.
func (c *config) positioned(m *Model, windowed []bool) ([]bool, error) {
	turns := slices.Repeat([]bool{true}, m.Layers)
	if c.row.turns == nil {
		return turns, nil
	}
	for i := range turns {
		var err error
		if turns[i], err = c.row.turns(c, i, windowed[i]); err != nil {
			return nil, err
		}
	}
	return turns, nil
}

// localRope is the rope of the windowed layers, where those have another one.
func (c *config) localRope(m *Model) (Rope, error) {
	local := *c
	local.RopeScaling = nil // transformers 4 applied it to the other layers only
	p, err := local.ropeSection("sliding_attention")
	if err != nil {
		return Rope{}, err
	}
	if p.key == "rope_parameters" { // not split by type
		local.RopeParameters = nil
	}
	return local.rope(m, "sliding_attention", c.LocalTheta, c.row.localTheta)
}

// everyLayer is a pattern of windows for rows of families.
func everyLayer(*config, int) (bool, error) { return true, nil }

package arch

import (
	"fmt"
	"maps"
)

// Inner is the recurrence of each memory of mom as a mixer of its own, with the frame
// of mom. Of gla it is the form of its paper, without softmax and with a gate from the
// input: gated by the key, Liger's window of softmax has to make up for what is forgotten.
func (x Mixer) Inner() Mixer {
	inner := Mixer{Name: x.Text("inner"), options: maps.Clone(x.options)}
	switch inner.Name {
	case "gla":
		maps.Copy(inner.options, map[string]any{
			"decay_from": "input", "decay_rank": 16, "decay": "channel", "normaliser": 16, "activation": None, "window": 0,
		})
	case "gated-delta":
		maps.Copy(inner.options, map[string]any{"decay": Head, "decay_rank": 0, "beta_bias": false})
	}
	return inner
}

// Memories is how many memories mom has, the shared one, which is the last, included.
func (x Mixer) Memories() int {
	n := x.Int("memories")
	if x.Bool("shared") {
		n++
	}
	return n
}

func momCheck(m *Model, x Mixer) string {
	switch n, k := x.Int("memories"), x.Int("top_k"); {
	case k > n:
		return fmt.Sprintf("top_k is %d, want at most the %d memories", k, n)
	case x.Text("inner") == "gated-delta":
		return unitKeys(m, x)
	case x.Bool("allow_neg_eigval"):
		return "allow_neg_eigval does nothing without inner=gated-delta"
	}
	return ""
}

func momWeights(m *Model, x Mixer) []Weight {
	ws := []Weight{{Name: "mixer.router.weight", Shape: []int{x.Int("memories"), m.Hidden}}}
	inner := x.Inner()
	if inner.Name == "gla" {
		return append(ws, glaWeights(m, inner)...)
	}
	return append(ws, gatedDeltaWeights(m, inner)...)
}

func momState(m *Model, x Mixer, _ int) []State {
	shape := append([]int{x.Memories()}, memory(m).Shape...)
	return append([]State{{"memory", shape}}, convState(x, channels(m))...)
}

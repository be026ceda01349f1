// Package arch says what a model is: its sizes, its switches, the names of its
// tensors, and which mixer stands in each layer.
//
// [Describe] reads a config.json, of a teacher or of a student, into a [Model];
// [Model.Weights] lists every tensor that such a model has. Families of teachers
// are rows of one table (families.go), mixers of students rows of another
// (mixers.go). The package holds no weights, builds no graph and reads no files,
// so that planning a conversion needs no engine.
//
// # Limits
//
// One shape of block: x += Wo·mixer(norm(x)); x += mlp(norm(x)).
package arch

import "fmt"

// Model is one decoder: sizes in elements, and the switches of its block.
type Model struct {
	Family string // the row of the families table, "LlamaForCausalLM"
	Name   string // model_type of config.json

	Vocab, Hidden, Layers, FFN int
	Heads, KVHeads, HeadDim    int
	MaxPositions               int // what the teacher was trained for; 0 when the config does not say

	NormEps float64 // added to the mean square inside RMSNorm
	Act     string  // activation of the gated MLP: "silu"
	Tied    bool    // the head is the embedding
	Rope    Rope
	Bias    Bias

	BOS int   // -1 when there is none
	EOS []int // any of these ends a generation

	// Mixers has one entry per layer. A teacher's are all softmax.
	Mixers []Mixer

	names names
}

// Rope is the rotary position embedding of a model's softmax layers.
type Rope struct {
	Theta float64 // base of the geometric series of wavelengths
	Dim   int     // how many of a head's dimensions turn; HeadDim unless partial
}

// Bias says which linear layers have a bias vector.
type Bias struct{ QKV, O, MLP bool }

// Weight is one tensor that a model has.
type Weight struct {
	Name  string
	Shape []int
	Layer int    // -1 outside the layers
	Group string // "embedding", "attention", "mixer", "norm", "mlp" or "head": how tables and train sets speak of it
}

// Queries is the width of the projected queries, all heads together.
func (m *Model) Queries() int { return m.Heads * m.HeadDim }

// KeyValues is the width of the projected keys, and that of the values.
func (m *Model) KeyValues() int { return m.KVHeads * m.HeadDim }

// Attention returns the name prefix of layer i's attention, without a final dot.
func (m *Model) Attention(i int) string { return m.names.layer(i, m.names.attention) }

// Weights lists every tensor of the model in layer order. Linear weights are
// [out, in], as in torch's nn.Linear.
func (m *Model) Weights() []Weight {
	ws := []Weight{{m.Embedding(), []int{m.Vocab, m.Hidden}, -1, "embedding"}}
	for i := range m.Layers {
		ws = append(ws, m.layerWeights(i)...)
	}
	ws = append(ws, Weight{m.FinalNorm(), []int{m.Hidden}, -1, "norm"})
	if !m.Tied {
		ws = append(ws, Weight{m.Head(), []int{m.Vocab, m.Hidden}, -1, "head"})
	}
	return ws
}

func (m *Model) layerWeights(i int) []Weight {
	ws := []Weight{{m.AttentionNorm(i), []int{m.Hidden}, i, "norm"}}
	linear := func(module string, out, in int, bias bool, group string) {
		ws = append(ws, Weight{module + ".weight", []int{out, in}, i, group})
		if bias {
			ws = append(ws, Weight{module + ".bias", []int{out}, i, group})
		}
	}
	for _, p := range m.Projections() {
		if !m.Mixers[i].Inherits(p.Name) {
			continue
		}
		linear(m.Attention(i)+"."+p.Name, p.Out, p.In, p.Bias, "attention")
	}
	for _, w := range m.Mixers[i].Weights(m) {
		ws = append(ws, Weight{m.Attention(i) + "." + w.Name, w.Shape, i, "mixer"})
	}
	ws = append(ws, Weight{m.MLPNorm(i), []int{m.Hidden}, i, "norm"})
	gate, up, down := m.MLP(i)
	linear(gate, m.FFN, m.Hidden, m.Bias.MLP, "mlp")
	linear(up, m.FFN, m.Hidden, m.Bias.MLP, "mlp")
	linear(down, m.Hidden, m.FFN, m.Bias.MLP, "mlp")
	return ws
}

// Projection is one of the four linear maps that a mixer inherits from attention.
type Projection struct {
	Name    string // relative to [Model.Attention]: "q_proj"
	Out, In int
	Bias    bool
}

// Projections returns q, k, v and o, in this order.
func (m *Model) Projections() []Projection {
	return []Projection{
		{"q_proj", m.Queries(), m.Hidden, m.Bias.QKV},
		{"k_proj", m.KeyValues(), m.Hidden, m.Bias.QKV},
		{"v_proj", m.KeyValues(), m.Hidden, m.Bias.QKV},
		{"o_proj", m.Hidden, m.Queries(), m.Bias.O},
	}
}

// Embedding returns the name of the embedding tensor, [vocab, hidden].
func (m *Model) Embedding() string { return m.names.embedding }

// FinalNorm returns the name of the weight of the norm before the head.
func (m *Model) FinalNorm() string { return m.names.finalNorm }

// Head returns the name of the head's tensor; a tied model has none.
func (m *Model) Head() string { return m.names.head }

// AttentionNorm returns the name of the weight of the norm before layer i's mixer.
func (m *Model) AttentionNorm(i int) string { return m.names.layer(i, m.names.attentionNorm) }

// MLPNorm returns the name of the weight of the norm before layer i's MLP.
func (m *Model) MLPNorm(i int) string { return m.names.layer(i, m.names.mlpNorm) }

// MLP returns the names of layer i's gate, up and down modules, without ".weight".
func (m *Model) MLP(i int) (gate, up, down string) {
	return m.names.layer(i, m.names.gate), m.names.layer(i, m.names.up), m.names.layer(i, m.names.down)
}

// Converted reports whether layer i is another than the teacher's own.
func (m *Model) Converted(i int) bool { return !m.Mixers[i].Equal(SoftmaxMixer()) }

// Linear reports whether any layer is converted, that is, whether this is a student.
func (m *Model) Linear() bool {
	for i := range m.Mixers {
		if m.Converted(i) {
			return true
		}
	}
	return false
}

// WithMixers returns a copy of the model with other mixers in its layers.
func (m *Model) WithMixers(mixers []Mixer) (*Model, error) {
	if len(mixers) != m.Layers {
		return nil, fmt.Errorf("mixers: got %d, want one for each of the %d layers", len(mixers), m.Layers)
	}
	c := *m
	c.Mixers = mixers
	return &c, nil
}

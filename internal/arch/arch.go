// Package arch says what a model is: its sizes, its switches, the names of its
// tensors, and which mixer stands in each layer.
//
// [Describe] reads a config.json, of a teacher or of a student, into a [Model];
// [Model.Weights] lists every tensor that such a model has and where its files keep
// it. Families of teachers are rows of one table (families.go), mixers of students
// rows of another (mixer_table.go). The package holds no weights, builds no graph and
// reads no files, so that planning a conversion needs no engine.
//
// # Limits
//
// Decoders of text, whose layers have one width and one dense MLP: encoders, mixtures of experts and
// models with towers are refused by what they are. Keys of a config that only training reads,
// such as dropout, are not looked at. Whether files fit a config is for packages that open them.
package arch

import "fmt"

// Model is one decoder: sizes in elements, and the switches of its block.
type Model struct {
	Family string // the row of the families table, "LlamaForCausalLM"
	Name   string // model_type of config.json

	Vocab, Hidden, Layers, FFN int
	Heads, KVHeads, HeadDim    int
	MaxPositions               int // what the teacher was trained for; 0 when the config does not say

	NormEps float64 // added to the mean square, or the variance, inside norms
	Act     string  // activation of the MLP, one of those below
	Tied    bool    // the head is the embedding
	Rope    Rope    // of the layers that have none of their own; see [Model.At]
	Bias    Bias
	Block

	BOS int   // -1 when there is none
	EOS []int // any of these ends a generation

	// Mixers has one entry per layer.
	Mixers []Mixer

	names   names
	layers  []layerShape // what layers have of their own; nil: nothing
	storage storage
}

// layerShape is what may differ between the layers of a model.
type layerShape struct {
	rope   Rope
	window int // newest keys that the layer's own attention sees; 0: all
	// linear is the family's own mixer of a linear layer, with heads of its own; its
	// spec is empty in other layers.
	linear linearLayer
}

// Weight is one tensor that a model has.
type Weight struct {
	Name  string
	Shape []int
	Layer int    // -1 outside the layers
	Group string // "embedding", "attention", "mixer", "norm", "mlp" or "head": how tables and train sets speak of it

	// Parts says where a teacher's files keep it, when that is not a tensor of this
	// name and shape: its rows are those of the parts, one after the other.
	Parts []Part
}

// Queries is the width of the projected queries, all heads together.
func (m *Model) Queries() int { return m.Heads * m.HeadDim }

// KeyValues is the width of the projected keys, and that of the values.
func (m *Model) KeyValues() int { return m.KVHeads * m.HeadDim }

// At returns the model as layer i sees it: with the layer's own rope and heads.
func (m *Model) At(i int) *Model {
	if m.layers == nil {
		return m
	}
	at, own := *m, m.layers[i]
	at.Rope = own.rope
	if own.linear.spec != "" {
		at.Heads, at.KVHeads, at.HeadDim = own.linear.heads, own.linear.heads, own.linear.headDim
		at.Bias, at.QKNorm, at.ClipQKV, at.OutputGate = Bias{}, QKNorm{}, 0, false
	}
	return &at
}

// Native is the attention that the teacher has in layer i: softmax, over all keys or over
// a window of them. A hybrid family has none in its linear layers.
func (m *Model) Native(i int) Mixer {
	x := SoftmaxMixer()
	if m.layers != nil && m.layers[i].window > 0 {
		x.options["window"] = m.layers[i].window
	}
	return x
}

// Converted reports whether layer i is another than the teacher's own. The linear layers
// of a hybrid family are its own, and no conversion replaces them.
func (m *Model) Converted(i int) bool { return !m.linearLayer(i) && !m.Mixers[i].Equal(m.Native(i)) }

// Convertible reports whether layer i is the teacher's attention still.
func (m *Model) Convertible(i int) bool { return !m.linearLayer(i) && m.Mixers[i].Equal(m.Native(i)) }

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

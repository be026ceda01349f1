package arch

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Block is the shape that all layers of a model have. The zero value is Llama's:
//
//	x += Wo·mixer(norm(x));  x += Wdown·(act(Wgate·u) ⊙ Wup·u),  u = norm(x)
//
// with RMSNorm. Each field is one way in which a family departs from it. A
// factor of 0 stands for 1, a cap of 0 for none.
type Block struct {
	Norm Norm

	// Parallel: both branches read the block's input, x + attention(norm(x)) +
	// mlp(norm(x)). Where the family has no norm of its own before the MLP they share one.
	Parallel bool
	Ungated  bool // the MLP is Wdown·act(Wup·u)

	QKNorm     QKNorm
	ClipQKV    float64 // projected queries, keys and values are cut to ±this
	OutputGate bool    // the mixer's output is multiplied by sigmoid(Wg·u); not in linear layers of the family's own

	AttentionScale float64 // of the scores; 0: 1/√HeadDim
	DepthScale     bool    // layer i divides it by i+1
	Softcap        float64 // scores s become c·tanh(s/c)

	EmbeddingScale float64
	ResidualScale  float64 // of both branches, before they are added
	LogitScale     float64
	LogitSoftcap   float64

	Positions int // rows of a learned table that is added to the embedding; 0: there is none
}

// Norm is how a model normalises its hidden state.
type Norm struct {
	Center bool // LayerNorm: the mean is taken out first; otherwise RMSNorm
	Shift  bool // the weight is stored less 1
	Plain  bool // there is no weight
	Bias   bool
}

// QKNorm is the family's own norm of queries and keys, before they are rotated. Its
// eps is the model's.
type QKNorm struct {
	Norm

	// Width is [Head]: over each head, with one weight for all; [Each]: over each head,
	// with a weight for each; [Full]: over all heads together; or empty: no such norm.
	Width string
}

// Each is the width of a norm over each head, with a weight for each.
const Each = "each"

// Bias says which linear layers have a bias vector.
type Bias struct{ QKV, O, MLP, Head bool }

// Activations of the MLP.
const (
	ActSiLU     = "silu"
	ActGELU     = "gelu"      // exact, by the error function
	ActGELUTanh = "gelu_tanh" // its tanh approximation
	ActReLU     = "relu"
	ActReLU2    = "relu2" // max(0, x)²
)

// activations are the words of config.json for them.
var activations = map[string]string{
	"silu": ActSiLU, "swish": ActSiLU,
	"gelu": ActGELU, "gelu_new": ActGELUTanh, "gelu_pytorch_tanh": ActGELUTanh, "gelu_fast": ActGELUTanh,
	"relu": ActReLU, "relu2": ActReLU2,
}

// Scale is what layer i multiplies the products of queries and keys by.
func (m *Model) Scale(i int) float64 {
	scale := m.AttentionScale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(m.HeadDim))
	}
	if m.DepthScale {
		scale /= float64(i + 1)
	}
	return scale
}

// Site is a place in the block where a norm may stand.
type Site int

// The four sites.
const (
	BeforeAttention Site = iota
	AfterAttention
	BeforeMLP
	AfterMLP
)

// names are the templates of a model's tensor names; {i} is the layer. They are
// modules, without ".weight". An empty one is a module that the family has not.
type names struct {
	embedding, positions, finalNorm, head string
	attention                             string
	qNorm, kNorm                          string // relative to attention
	norms                                 [4]string
	gate, up, down                        string
}

func inLayer(i int, template string) string {
	return strings.ReplaceAll(template, "{i}", strconv.Itoa(i))
}

// Attention returns the name prefix of layer i's attention, without a final dot.
func (m *Model) Attention(i int) string { return inLayer(i, m.names.attention) }

// Embedding returns the name of the embedding tensor, [vocab, hidden].
func (m *Model) Embedding() string { return m.names.embedding + ".weight" }

// PositionTable returns the name of the learned positions, [Positions, hidden].
func (m *Model) PositionTable() string { return m.names.positions + ".weight" }

// CheckLength refuses as a [*LengthError] sequences of more tokens than a learned table
// has positions for: a lookup behind its end gives its last row, and no engine says so.
func (m *Model) CheckLength(tokens int) error {
	if m.Positions == 0 || tokens <= m.Positions {
		return nil
	}
	return &LengthError{tokens, m.Positions, m.PositionTable()}
}

// LengthError reports a sequence that is too long for a model.
type LengthError struct {
	Tokens, Most int
	Table        string // of the positions
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("got %d tokens, want at most %d: %s learned a position for each of those and has none beyond", e.Tokens, e.Most, e.Table)
}

// Head returns the name of the head's module; a tied model has none.
func (m *Model) Head() string { return m.names.head }

// FinalNorm returns the name of the norm's module before the head.
func (m *Model) FinalNorm() string { return m.names.finalNorm }

// NormAt returns the name of the norm's module at a site of layer i; ok is false
// where none stands.
func (m *Model) NormAt(i int, s Site) (module string, ok bool) {
	return inLayer(i, m.names.norms[s]), m.names.norms[s] != ""
}

// MLP returns the names of layer i's gate, up and down modules; an ungated MLP has no
// gate.
func (m *Model) MLP(i int) (gate, up, down string) {
	return inLayer(i, m.names.gate), inLayer(i, m.names.up), inLayer(i, m.names.down)
}

// QKNorms returns the names of the modules that normalise the queries and the keys of
// layer i's attention.
func (m *Model) QKNorms(i int) (q, k string) {
	return m.Attention(i) + "." + m.names.qNorm, m.Attention(i) + "." + m.names.kNorm
}

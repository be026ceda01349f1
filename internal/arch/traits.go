package arch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Trait is one thing to know of a model's layers, in words: "norms", "RMSNorm before
// attention and MLP, eps 1e-05".
type Trait struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Traits says what the layers have beside their mixers; what a model has not, or has
// as all have it, is left out.
func (m *Model) Traits() []Trait {
	traits := []Trait{{"norms", m.normWords()}, {"position", m.positionWords()}}
	mlp := m.Act
	if m.Ungated {
		mlp += ", no gate"
	}
	if m.Parallel {
		mlp += ", beside attention"
	}
	traits = append(traits, Trait{"MLP", mlp})
	add := func(name string, parts ...string) {
		if text := join(parts...); text != "" {
			traits = append(traits, Trait{name, text})
		}
	}
	add("q/k-norm", m.qkNormWords())
	add("biases", when(m.Bias.QKV, "q, k, v"), when(m.Bias.O, "o"), when(m.Bias.MLP, "MLP"), when(m.Bias.Head, "head"))
	add("gate", when(m.OutputGate, "of the output of attention"))
	add("scales", when(m.AttentionScale != 0, "scores by "+number(m.AttentionScale)), when(m.DepthScale, "scores of layer i by 1/(i+1)"),
		times("embedding", m.EmbeddingScale), times("branches", m.ResidualScale), times("logits", m.LogitScale))
	add("caps", when(m.Softcap > 0, "scores at "+number(m.Softcap)), when(m.LogitSoftcap > 0, "logits at "+number(m.LogitSoftcap)),
		when(m.ClipQKV > 0, "q, k, v at ±"+number(m.ClipQKV)))
	return traits
}

func (n Norm) kind() string {
	kind := "RMSNorm"
	if n.Center {
		kind = "LayerNorm"
	}
	switch {
	case n.Plain:
		kind += " without weights"
	case n.Shift:
		kind += " by 1+w"
	}
	return kind
}

func (m *Model) normWords() string {
	site := func(s Site, name string) string {
		_, ok := m.NormAt(0, s)
		return when(ok, name)
	}
	before := strings.ReplaceAll(join(site(BeforeAttention, "attention"), site(BeforeMLP, "MLP")), ", ", " and ")
	after := strings.ReplaceAll(join(site(AfterAttention, "attention"), site(AfterMLP, "MLP")), ", ", " and ")
	where := join(when(before != "", "before "+before), when(after != "", "after "+after))
	if before == after {
		where = "before and after " + before
	}
	return m.Norm.kind() + " " + where + ", eps " + number(m.NormEps)
}

func (m *Model) qkNormWords() string {
	switch m.QKNorm.Width {
	case Head:
		return m.QKNorm.kind() + " of each head"
	case Each:
		return m.QKNorm.kind() + " of each head, with weights of its own"
	case Full:
		return m.QKNorm.kind() + " of all heads together"
	}
	return ""
}

// positionWords tells the ropes, and of which layers they are where there are several.
func (m *Model) positionWords() string {
	if m.Positions > 0 {
		return fmt.Sprintf("learned, %d", m.Positions)
	}
	ropes, of := m.Ropes()
	var words []string
	for i := -1; i < len(ropes); i++ {
		var layers []int
		for layer, own := range of {
			if own == i && !m.linearLayer(layer) {
				layers = append(layers, layer)
			}
		}
		if len(layers) == 0 {
			continue
		}
		text := "none"
		if i >= 0 {
			text = ropes[i].words(m.HeadDim)
		}
		words = append(words, text+" in "+FormatLayers(layers))
	}
	if len(words) == 1 {
		words[0], _, _ = strings.Cut(words[0], " in ")
	}
	return strings.Join(words, "; ")
}

func (m *Model) linearLayer(i int) bool { return m.layers != nil && m.layers[i].linear.spec != "" }

func (r Rope) words(headDim int) string {
	var scaling string
	switch r.Scaling {
	case "":
	case "longrope":
		scaling = fmt.Sprintf("longrope from %d", r.Original)
	case "linear":
		scaling = "linear factor " + number(r.Factor)
	default:
		scaling = fmt.Sprintf("%s factor %s from %d", r.Scaling, number(r.Factor), r.Original)
	}
	return join("rope, theta "+number(r.Theta), scaling, when(r.Dim < headDim, fmt.Sprintf("%d of %d dimensions", r.Dim, headDim)),
		when(r.Interleaved, "adjacent pairs"))
}

func times(what string, by float64) string { return when(by != 0 && by != 1, what+" by "+number(by)) }

func number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return fmt.Sprintf("%.6g", x)
}

func when(is bool, words string) string {
	if is {
		return words
	}
	return ""
}

// join puts commas between those that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

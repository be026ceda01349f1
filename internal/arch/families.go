package arch

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// names are the templates of a family's tensor names; {i} is the layer. Modules
// of linear layers and norms come without ".weight" unless the name says so.
type names struct {
	embedding, finalNorm, head string
	attention                  string
	attentionNorm, mlpNorm     string
	gate, up, down             string
}

func (names) layer(i int, template string) string {
	return strings.ReplaceAll(template, "{i}", strconv.Itoa(i))
}

// family is one row of the table: what a class of teachers has that its config
// does not say. A new family is a row here; the graph gets a new switch only for
// what no present one can express.
type family struct {
	modelType string
	names     names
	defaults  defaultKeys
}

// defaultKeys are the values of keys that the config may leave out.
type defaultKeys struct {
	theta, eps float64
	act        string
	tied       bool
}

var llamaNames = names{
	embedding:     "model.embed_tokens.weight",
	finalNorm:     "model.norm.weight",
	head:          "lm_head.weight",
	attention:     "model.layers.{i}.self_attn",
	attentionNorm: "model.layers.{i}.input_layernorm.weight",
	mlpNorm:       "model.layers.{i}.post_attention_layernorm.weight",
	gate:          "model.layers.{i}.mlp.gate_proj",
	up:            "model.layers.{i}.mlp.up_proj",
	down:          "model.layers.{i}.mlp.down_proj",
}

// families is keyed by the first entry of config.json's "architectures".
var families = map[string]family{
	"LlamaForCausalLM": {
		modelType: "llama",
		names:     llamaNames,
		defaults:  defaultKeys{theta: 1e4, eps: 1e-6, act: "silu"},
	},
}

// Families returns the supported architectures, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// UnsupportedError reports an architecture that no row covers.
type UnsupportedError struct{ Architecture, ModelType string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("config.json: architectures %q (model_type %q) is not supported", e.Architecture, e.ModelType)
}

// Hint lists what is.
func (e *UnsupportedError) Hint() string { return "supported: " + strings.Join(Families(), ", ") }

package arch

import (
	"maps"
	"slices"
)

// family is one row of the table: what a class of teachers has that its config does
// not say, and what its config says in words of its own. A new family is a row; the
// graph gets a new switch, in [Block], only for what no present one can express. See
// docs/adding-a-family.md.
type family struct {
	modelTypes []string // the first is the usual one
	about      string   // the models that people know it by
	names      names
	storage    storage
	block      Block

	nested   string            // the key of a part of the config that holds the language model's
	spelling map[string]string // the family's keys for what others call otherwise
	ignores  []string          // keys that this family's class does not read, though others do
	defaults keys              // values of keys that are absent
	wideFFN  bool              // an MLP four times as wide as the model where the config does not say

	rope        keys    // rope_parameters when there are none under either of their names
	theta       float64 // rope_theta when it is absent; 0: 10000
	localTheta  float64 // of windowed layers, where they have a rope of their own
	interleaved bool    // Rope.Interleaved
	partial     bool    // partial_rotary_factor counts
	mlpBias     bool    // mlp_bias counts
	longrope    bool    // rope_type yarn means longrope

	// window says which layers have the config's sliding_window; nil: none has. With
	// listed, layer_types overrules it.
	window func(c *config, layer int) (bool, error)
	listed bool
	// turns says in which layers queries and keys turn; nil: in all.
	turns func(c *config, layer int, windowed bool) (bool, error)
	// linear says what the linear layers of the family are; nil: there are none.
	linear func(c *config, m *Model) (linearLayer, error)
	// describe sets what the fields above cannot say; nil: nothing.
	describe func(c *config, m *Model) error
}

// keys are values for keys of config.json.
type keys map[string]any

// with returns k with other values for some keys.
func (k keys) with(more keys) keys {
	all := maps.Clone(k)
	maps.Copy(all, more)
	return all
}

// families is keyed by the first entry of config.json's "architectures". It is fixed
// at compile time; the rows stand in the files of their groups.
var families = map[string]family{
	"CohereForCausalLM":              cohere,
	"Exaone4ForCausalLM":             exaone4,
	"GPT2LMHeadModel":                gpt2,
	"GPTNeoXForCausalLM":             gptNeoX,
	"Gemma2ForCausalLM":              gemma2,
	"Gemma3ForCausalLM":              gemma3,
	"Gemma3ForConditionalGeneration": gemma3Wrapped,
	"GemmaForCausalLM":               gemma,
	"Glm4ForCausalLM":                glm4,
	"GraniteForCausalLM":             granite,
	"GraniteMoeHybridForCausalLM":    graniteHybrid,
	"HeliumForCausalLM":              helium,
	"LlamaForCausalLM":               llama,
	"Ministral3ForCausalLM":          ministral3,
	"MinistralForCausalLM":           ministral,
	"MistralForCausalLM":             mistral,
	"NemotronForCausalLM":            nemotron,
	"Olmo2ForCausalLM":               olmo2,
	"Olmo3ForCausalLM":               olmo3,
	"OlmoForCausalLM":                olmo,
	"Phi3ForCausalLM":                phi3,
	"PhiForCausalLM":                 phi,
	"Qwen2ForCausalLM":               qwen2,
	"Qwen3ForCausalLM":               qwen3,
	"Qwen3_5ForCausalLM":             qwen35,
	"SeedOssForCausalLM":             seedOSS,
	"SmolLM3ForCausalLM":             smolLM3,
	"StableLmForCausalLM":            stableLM,
	"Starcoder2ForCausalLM":          starCoder2,
}

// Families returns the supported architectures, sorted.
func Families() []string { return sorted(families) }

// AboutFamily returns the model_type of an architecture and the models that people
// know it by. It panics on one that [Families] does not list.
func AboutFamily(architecture string) (modelType, about string) {
	f, ok := families[architecture]
	if !ok {
		panic("arch: no family " + architecture)
	}
	return f.modelTypes[0], f.about
}

func sorted[T any](table map[string]T) []string { return slices.Sorted(maps.Keys(table)) }

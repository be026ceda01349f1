package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// Files of a PEFT folder.
const (
	configName  = "adapter_config.json"
	weightsName = "adapter_model.safetensors"
)

// refused are the keys of adapter_config.json under which PEFT computes something else
// than a low-rank correction of linear modules, unless they are empty.
var refused = map[string]string{
	"use_dora":                "DoRA scales the rows of the weight too",
	"lora_bias":               "it adds a bias to B",
	"modules_to_save":         "it holds whole modules beside the corrections",
	"trainable_token_indices": "it holds rows of the embedding",
	"target_parameters":       "it corrects parameters that are no linear module's",
	"layer_replication":       "it repeats layers of the base",
	"alora_invocation_tokens": "it acts after certain tokens only",
	"use_qalora":              "QA-LoRA pools the input",
	"use_bdlora":              "its matrices are block-diagonal",
	"arrow_config":            "it chooses among several adapters",
	"kasa_config":             "KaSA changes the base",
	"monteclora_config":       "its matrices are drawn at random",
}

// ignored are the keys that say how an adapter came to be, or what its tensors say, too.
var ignored = []string{
	"peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode",
	"r", "lora_alpha", "lora_dropout", "use_rslora", "rank_pattern", "alpha_pattern", "bias", "init_lora_weights",
	"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
	"fan_in_fan_out", // what the base's files are decides
	"megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config",
	"qalora_group_size", "runtime_config", "ensure_weight_tying",
}

// starts are the init_lora_weights that leave the base as it was. Others, PiSSA for one,
// take from the base what they start A and B with.
var starts = []string{"true", "false", "gaussian", "eva", "orthogonal"}

// adapterConfig is what adapter_config.json says of the correction.
type adapterConfig struct {
	base         string
	r            int
	alpha        float64
	root         bool // the scale is over the root of the rank
	targets      func(module string) bool
	rank, alphas []pattern
}

// pattern gives the modules that it matches a value of their own; the first one counts.
type pattern struct {
	match *regexp.Regexp
	value float64
}

// readConfig reads and checks a folder's adapter_config.json.
func readConfig(dir string) (adapterConfig, error) {
	data, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return adapterConfig{}, err
	}
	return parseConfig(data)
}

// parseConfig checks adapter_config.json key by key: what is not known may change what the
// adapter does.
func parseConfig(data []byte) (adapterConfig, error) {
	raw, err := checkpoints.ParseConfig(data)
	if err != nil {
		return adapterConfig{}, err
	}
	if err := checkKeys(raw); err != nil {
		return adapterConfig{}, err
	}
	c := adapterConfig{r: 8, alpha: 8} // as PEFT has it where they are not given
	kind, bias := "", "none"
	err = errors.Join(
		get(raw, "peft_type", &kind, "a string"), get(raw, "bias", &bias, "a string"),
		get(raw, "base_model_name_or_path", &c.base, "a string"),
		get(raw, "r", &c.r, "an integer"), get(raw, "lora_alpha", &c.alpha, "a number"),
		get(raw, "use_rslora", &c.root, "true or false"))
	if err != nil {
		return adapterConfig{}, err
	}
	switch {
	case kind != "LORA":
		return adapterConfig{}, fmt.Errorf("peft_type is %q, want LORA", kind)
	case bias != "none":
		return adapterConfig{}, fmt.Errorf("bias is %q, want none: trained biases are not read", bias)
	case c.r < 1:
		return adapterConfig{}, fmt.Errorf("r is %d, want >= 1", c.r)
	}
	if c.targets, err = readTargets(raw); err != nil {
		return adapterConfig{}, err
	}
	var errRank, errAlpha error
	c.rank, errRank = readPatterns(raw, "rank_pattern")
	c.alphas, errAlpha = readPatterns(raw, "alpha_pattern")
	return c, errors.Join(errRank, errAlpha)
}

// checkKeys refuses keys that change what an adapter does in ways we do not know.
func checkKeys(c *checkpoints.Config) error {
	var start any = true
	if err := get(c, "init_lora_weights", &start, "true, false or a method"); err != nil {
		return err
	}
	if s := strings.ToLower(fmt.Sprint(start)); !slices.Contains(starts, s) {
		return fmt.Errorf("init_lora_weights is %s, which takes its start from the base's weights; want one of %s, or the adapter converted by PEFT's path_initial_model_for_weight_conversion", s, strings.Join(starts, ", "))
	}
	for _, key := range c.Keys() {
		var value any
		if err := get(c, key, &value, "JSON"); err != nil {
			return err
		}
		why, known := refused[key]
		switch {
		case slices.Contains(ignored, key) || isEmpty(value):
		case known:
			return fmt.Errorf("%s is set, which is not supported: %s", key, why)
		default:
			return fmt.Errorf("key %s is not known, and may change what the adapter does", key)
		}
	}
	return nil
}

// isEmpty tells of a JSON value that stands for nothing.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// get reads a key that is there and not null.
func get(c *checkpoints.Config, key string, into any, want string) error {
	if _, err := c.Get(key, into); err != nil {
		var raw json.RawMessage
		_, _ = c.Get(key, &raw) // cannot fail: it is JSON
		return fmt.Errorf("%s is %.60s, want %s", key, raw, want)
	}
	return nil
}

// readTargets reads target_modules: ends of module names, or an expression for whole
// ones. PEFT drops tensors of modules that it does not name without a word.
func readTargets(c *checkpoints.Config) (func(module string) bool, error) {
	var value any
	if err := get(c, "target_modules", &value, "JSON"); err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case []any:
		var list []string
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("target_modules holds %v, want names of modules", x)
			}
			list = append(list, s)
		}
		return func(module string) bool {
			return slices.ContainsFunc(list, func(target string) bool { return names(target, module) })
		}, nil
	case string:
		if v == AllLinear {
			return func(string) bool { return true }, nil
		}
		whole, err := regexp.Compile(`^(?:` + v + `)$`)
		if err != nil {
			return nil, fmt.Errorf("target_modules: %w", err)
		}
		return whole.MatchString, nil
	case nil:
		return nil, errors.New("target_modules is missing, want the names of the modules")
	}
	return nil, fmt.Errorf("target_modules is %v, want names of modules or an expression", value)
}

// readPatterns reads rank_pattern or alpha_pattern in the order of the file, as PEFT
// tries them.
func readPatterns(c *checkpoints.Config, key string) ([]pattern, error) {
	var raw json.RawMessage
	if err := get(c, key, &raw, "JSON"); err != nil || len(raw) == 0 || string(raw) == "null" {
		return nil, err
	}
	values, err := checkpoints.ParseConfig(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	var list []pattern
	for _, name := range values.Keys() {
		p := pattern{}
		if err := get(values, name, &p.value, "a number"); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if p.match, err = regexp.Compile(`^(?:.*\.)?(?:` + name + `)$`); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// of returns the value for a module.
func of(list []pattern, module string, otherwise float64) float64 {
	for _, p := range list {
		if p.match.MatchString(module) {
			return p.value
		}
	}
	return otherwise
}

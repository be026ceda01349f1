package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// studentArchitecture is the class name in a student's config.json.
const studentArchitecture = "LinearizeForCausalLM"

// torchNames are the dtypes as config.json spells them.
var torchNames = map[checkpoints.DType]string{
	checkpoints.F32: "float32", checkpoints.F16: "float16", checkpoints.BF16: "bfloat16",
}

// studentConfig returns the config of m with other mixers. Every key of the source
// stays, also those that nobody here knows, except those that would make another
// program build the teacher. What readers derive differently from absent keys is
// spelt out: head sizes, ties, and RoPE and dtype in the spellings of transformers 4
// and 5.
func studentConfig(source *checkpoints.Config, m *arch.Model, mixers []arch.Mixer, dtype checkpoints.DType) (*checkpoints.Config, error) {
	c := source.Clone()
	var errs []error
	set := func(key string, value any) { errs = append(errs, c.Set(key, value)) }
	if m.Name != arch.StudentType {
		set("teacher_architectures", []string{m.Family})
		set("teacher_model_type", m.Name)
	}
	set("architectures", []string{studentArchitecture})
	set("model_type", arch.StudentType)
	c.Delete("auto_map") // names the teacher's own code
	set("head_dim", m.HeadDim)
	set("num_key_value_heads", m.KVHeads)
	set("tie_word_embeddings", m.Tied)
	set("rms_norm_eps", m.NormEps)
	set("hidden_act", m.Act)
	set("torch_dtype", torchNames[dtype])
	set("dtype", torchNames[dtype])
	rope, err := ropeParameters(source, m.Rope.Theta)
	if err != nil {
		return nil, err
	}
	set("rope_theta", m.Rope.Theta)
	set("rope_parameters", rope)
	if rope["rope_type"] == "default" {
		set("rope_scaling", nil)
	} else {
		set("rope_scaling", rope)
	}
	set("mixers", mixers)
	return c, errors.Join(errs...)
}

// ropeParameters returns the dictionary that counts, in transformers 5's spelling: a
// rope_scaling that is not null, else rope_parameters, else none.
func ropeParameters(source *checkpoints.Config, theta float64) (map[string]any, error) {
	rope := map[string]any{}
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		var dict map[string]json.RawMessage
		if _, err := source.Get(key, &dict); err != nil {
			return nil, err
		}
		if dict == nil {
			continue
		}
		for k, v := range maps.All(dict) {
			rope[k] = v
		}
		break
	}
	kind, err := ropeType(rope)
	if err != nil {
		return nil, err
	}
	delete(rope, "type")
	rope["rope_type"], rope["rope_theta"] = kind, theta
	return rope, nil
}

// ropeType reads rope_type, or type as it was called before.
func ropeType(rope map[string]any) (string, error) {
	for _, key := range []string{"rope_type", "type"} {
		raw, ok := rope[key].(json.RawMessage)
		if !ok {
			continue
		}
		var kind *string
		if err := json.Unmarshal(raw, &kind); err != nil {
			return "", fmt.Errorf("config.json: %s: %w", key, err)
		}
		if kind != nil {
			return *kind, nil
		}
	}
	return "default", nil
}

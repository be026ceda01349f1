package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

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
// program build the teacher. What readers derive differently when a key is absent is
// spelt out, and dtype and a RoPE that all layers share in the spellings of
// transformers 4 and 5 both.
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
	absent, err := arch.Absent(source.Bytes())
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(absent)) {
		set(key, absent[key])
	}
	set("torch_dtype", torchNames[dtype])
	set("dtype", torchNames[dtype])
	if m.OneRope() {
		rope, kind, err := ropeParameters(c, m)
		if err != nil {
			return nil, err
		}
		set("rope_theta", float(m.Rope.Theta))
		set("rope_parameters", rope)
		if kind == "default" {
			set("rope_scaling", nil)
		} else {
			set("rope_scaling", rope)
		}
	}
	set("mixers", mixers)
	return c, errors.Join(errs...)
}

// ropeParameters returns the dictionary that counts, in transformers 5's spelling,
// and its rope_type: a rope_scaling that is not null, else rope_parameters, else
// the default.
func ropeParameters(c *checkpoints.Config, m *arch.Model) (rope map[string]any, kind string, err error) {
	rope, kind = map[string]any{}, "default"
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		var dict map[string]json.RawMessage // values verbatim, whatever they are
		if _, err := c.Get(key, &dict); err != nil {
			return nil, "", err
		}
		if dict == nil {
			continue
		}
		for k, v := range dict {
			rope[k] = v
		}
		kind, err = ropeType(dict)
		if err != nil {
			return nil, "", fmt.Errorf("config.json: %s: %w", key, err)
		}
		delete(rope, "type")
		break
	}
	rope["rope_type"], rope["rope_theta"] = kind, float(m.Rope.Theta)
	if _, ok := rope["partial_rotary_factor"]; !ok && m.Rope.Dim < m.HeadDim {
		rope["partial_rotary_factor"] = float(float64(m.Rope.Dim) / float64(m.HeadDim))
	}
	return rope, kind, nil
}

// ropeType reads rope_type, or type as it was called before.
func ropeType(dict map[string]json.RawMessage) (string, error) {
	for _, key := range []string{"rope_type", "type"} {
		var kind string
		if raw, ok := dict[key]; ok {
			if err := json.Unmarshal(raw, &kind); err != nil {
				return "", fmt.Errorf("%s: %w", key, err)
			}
		}
		if kind != "" { // null is as good as absent
			return kind, nil
		}
	}
	return "default", nil
}

// float is a number that Python reads as a float even when it is whole: 10000.0.
type float float64

// MarshalJSON never writes an integer.
func (f float) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(f), 'g', -1, 64)
	if x := float64(f); x == math.Trunc(x) && math.Abs(x) < 1e15 {
		text = strconv.FormatFloat(x, 'f', 1, 64)
	}
	return []byte(text), nil
}

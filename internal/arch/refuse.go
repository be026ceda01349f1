package arch

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// refuse looks for what makes a model of any family another thing than a stack of
// decoder layers with plain weights.
func refuse(raw map[string]json.RawMessage) error {
	for _, key := range expertKeys {
		if positive(raw[key]) {
			return fmt.Errorf("config.json: %s is %s, want 0: mixtures of experts are not supported", key, raw[key])
		}
	}
	for _, x := range []struct{ key, never, want string }{
		{"is_encoder_decoder", "true", "only decoders by themselves are supported"},
		{"add_cross_attention", "true", "only decoders by themselves are supported"},
		{"use_bidirectional_attention", "true", "only causal attention is supported"},
		{"use_bidirectional_attention", `"all"`, "only causal attention is supported"},
		{"is_causal", "false", "only causal attention is supported"},
	} {
		if string(raw[x.key]) == x.never {
			return fmt.Errorf("config.json: %s is %s: %s", x.key, x.never, x.want)
		}
	}
	return refuseQuantized(raw["quantization_config"])
}

// expertKeys are the keys under which configs count experts.
var expertKeys = []string{"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"}

// positive reports whether a key is there and more than nothing.
func positive(raw json.RawMessage) bool {
	var n float64
	return set(raw) && (json.Unmarshal(raw, &n) != nil || n > 0)
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" }

// refuseQuantized reads a quantization_config no further than its method.
func refuseQuantized(raw json.RawMessage) error {
	if !set(raw) {
		return nil
	}
	var q struct {
		Method string `json:"quant_method"`
		In4    bool   `json:"load_in_4bit"`
		In8    bool   `json:"load_in_8bit"`
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		return fmt.Errorf("config.json: quantization_config: %w", err)
	}
	if q.Method == "" && (q.In4 || q.In8) {
		q.Method = "bitsandbytes" // which once was the only one
	}
	if q.Method == "" {
		return advice.On(errors.New("config.json: quantization_config is there: quantized weights are not supported, want plain F32, F16 or BF16 tensors"), unquantized)
	}
	hint := unquantized
	if class := dequantizers[q.Method]; class != "" {
		hint += fmt.Sprintf(", or make it in Python: from_pretrained(MODEL, quantization_config=%s(dequantize=True)).save_pretrained(OUT)", class)
	}
	return advice.On(fmt.Errorf("config.json: quantization_config.quant_method is %q: quantized weights are not supported, want plain F32, F16 or BF16 tensors", q.Method), hint)
}

const unquantized = "get the model in BF16 or F16, as it was before it was quantized"

// dequantizers are the classes of transformers that undo a method while they load.
var dequantizers = map[string]string{
	"compressed-tensors": "CompressedTensorsConfig", "fp8": "FineGrainedFP8Config", "mxfp4": "Mxfp4Config",
}

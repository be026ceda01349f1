package arch_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// TestUnsupported: an architecture without a row is told what it is, where that is
// known, and the nearest one that has a row.
func TestUnsupported(t *testing.T) {
	for _, tt := range []struct {
		architecture, modelType string
		more                    object
		why, nearest            string
	}{
		{"MixtralForCausalLM", "mixtral", nil, "a mixture of experts", "MistralForCausalLM"},
		{"Qwen3MoeForCausalLM", "qwen3_moe", nil, "a mixture of experts", "Qwen3ForCausalLM"},
		{"SomethingForCausalLM", "something", object{"n_routed_experts": 64}, "a mixture of experts", "LlamaForCausalLM"},
		{"T5ForConditionalGeneration", "t5", nil, "an encoder with a decoder", "LlamaForCausalLM"},
		{"BartForConditionalGeneration", "bart", nil, "an encoder with a decoder", "GPT2LMHeadModel"},
		{"LongT5ForConditionalGeneration", "longt5", object{"is_encoder_decoder": true}, "an encoder with a decoder", "LlamaForCausalLM"},
		{"LlavaForConditionalGeneration", "llava", nil, "a tower", "LlamaForCausalLM"},
		{"Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", nil, "a tower", "Qwen2ForCausalLM"},
		{"NewVLForConditionalGeneration", "new_vl", object{"vision_config": object{"depth": 2}}, "a tower", "LlamaForCausalLM"},
		{"BertModel", "bert", nil, "an encoder, whose attention sees", "GPT2LMHeadModel"},
		{"RobertaForMaskedLM", "roberta", nil, "an encoder, whose attention sees", "LlamaForCausalLM"},
		{"Mamba2ForCausalLM", "mamba2", nil, "of linear layers already", "GraniteMoeHybridForCausalLM"},
		{"LlamaModel", "llama", nil, "a model without the head", "LlamaForCausalLM"},
		{"GPT2Model", "gpt2", nil, "a model without the head", "GPT2LMHeadModel"},
		{"Qwen3ForSequenceClassification", "qwen3", nil, "a classifier", "Qwen3ForCausalLM"},
		{"GPT2DoubleHeadsModel", "gpt2", nil, "a second head", "GPT2LMHeadModel"},
		{"Gemma3Model", "gemma3", nil, "a model without the head", "Gemma3ForCausalLM"},
		{"LLaMAForCausalLM", "llama", nil, "", "LlamaForCausalLM"}, // as conversions of the first Llama spelt it
		{"MistarlForCausalLM", "", nil, "", "MistralForCausalLM"},
		{"Phi4ForCausalLM", "phi4", nil, "", "Phi3ForCausalLM"},
		{"olmo_2", "", nil, "", "Olmo2ForCausalLM"},
		{"Phi4MultimodalForCausalLM", "phi4_multimodal", object{"audio_config": object{"n": 1}}, "a tower", "Phi3ForCausalLM"},
		{"GPTNeoXJapaneseForCausalLM", "gpt_neox_japanese", nil, "", "GPTNeoXForCausalLM"},
		{"MellumForCausalLM", "mellum", nil, "", "LlamaForCausalLM"}, // not Helium
		{"ArceeForCausalLM", "arcee", nil, "", "LlamaForCausalLM"},
		{"XyzzyForCausalLM", "xyzzy", object{"n_embd": 8}, "", "GPT2LMHeadModel"},
		{"XyzzyForCausalLM", "xyzzy", nil, "", "LlamaForCausalLM"},
	} {
		changes := object{"architectures": []string{tt.architecture}, "model_type": tt.modelType}
		maps.Copy(changes, tt.more)
		_, err := arch.Describe(config(t, changes))
		e, ok := errors.AsType[*arch.UnsupportedError](err)
		switch {
		case !ok:
			t.Errorf("%s: got %v, want an *UnsupportedError", tt.architecture, err)
		case e.Nearest != tt.nearest:
			t.Errorf("%s: the nearest is %s, want %s", tt.architecture, e.Nearest, tt.nearest)
		case !strings.Contains(e.Why, tt.why) || (e.Why == "") != (tt.why == ""):
			t.Errorf("%s: it is %q, want %q", tt.architecture, e.Why, tt.why)
		case !strings.Contains(e.Hint(), "the nearest supported one is "+tt.nearest+" ("):
			t.Errorf("%s: hint %q does not name it", tt.architecture, e.Hint())
		case !slices.Contains(arch.Families(), e.Nearest):
			t.Errorf("%s: the nearest, %s, is not supported either", tt.architecture, e.Nearest)
		}
	}
	_, err := arch.Describe(config(t, object{"architectures": nil}))
	if want := `architectures is missing or empty (model_type "llama"), want the name of a class, as LlamaForCausalLM`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no architectures: got %v, want %s", err, want)
	}
}

// TestRelatives: what the table of relatives points at has a row, and what it lists
// has none.
func TestRelatives(t *testing.T) {
	for _, architecture := range arch.Relatives() {
		e, ok := errors.AsType[*arch.UnsupportedError](arch.Unsupported(architecture))
		if !ok || !slices.Contains(arch.Families(), e.Nearest) || slices.Contains(arch.Families(), architecture) {
			t.Errorf("%s: %+v", architecture, e)
		}
	}
	// A model_type will do.
	for name, why := range map[string]string{"mixtral": "a mixture of experts", "t5": "an encoder with a decoder", "deepseek_v3": "a mixture of experts with MLA", "nothing": ""} {
		if e, ok := errors.AsType[*arch.UnsupportedError](arch.Unsupported(name)); !ok || e.Why != why || e.Architecture != name {
			t.Errorf("Unsupported(%q) = %+v, want it to be %q", name, e, why)
		}
	}
}

// TestRefuse: a config of a supported architecture that asks for what no row gives.
func TestRefuse(t *testing.T) {
	quantized := func(more object) object { return object{"quantization_config": more} }
	for _, tt := range []struct {
		changes    object
		want, hint string
	}{
		{object{"num_local_experts": 8}, "num_local_experts is 8, want 0: mixtures of experts", ""},
		{object{"num_experts": 64}, "num_experts is 64", ""},
		{object{"n_routed_experts": 2}, "n_routed_experts is 2", ""},
		{object{"moe_num_experts": []int{64, 64}}, "moe_num_experts is [64,64]", ""},
		{object{"num_local_experts": 0, "num_experts": null}, "", ""},
		{object{"is_encoder_decoder": true}, "is_encoder_decoder is true: only decoders by themselves", ""},
		{object{"is_encoder_decoder": false, "is_decoder": false}, "", ""}, // as old decoders have it
		{object{"add_cross_attention": true}, "add_cross_attention is true", ""},
		{object{"use_bidirectional_attention": true}, "use_bidirectional_attention is true: only causal", ""},
		{object{"is_causal": false}, "is_causal is false: only causal", ""},
		{quantized(object{"quant_method": "bitsandbytes", "load_in_4bit": true}), `quant_method is "bitsandbytes"`, "BF16 or F16"},
		{quantized(object{"load_in_8bit": true}), `quant_method is "bitsandbytes"`, "BF16 or F16"},
		{quantized(object{"quant_method": "gptq", "bits": 4}), `quant_method is "gptq"`, "BF16 or F16"},
		{quantized(object{"quant_method": "awq"}), `quant_method is "awq"`, "BF16 or F16"},
		{quantized(object{"quant_method": "fp8"}), `quant_method is "fp8"`, "FineGrainedFP8Config(dequantize=True)"},
		{quantized(object{"quant_method": "mxfp4"}), `quant_method is "mxfp4"`, "Mxfp4Config(dequantize=True)"},
		{quantized(object{"quant_method": "compressed-tensors"}), `quant_method is "compressed-tensors"`, "CompressedTensorsConfig"},
		{quantized(object{"bits": 4}), "quantization_config is there: quantized weights are not supported", "BF16 or F16"},
		{object{"quantization_config": 4}, "quantization_config: json", ""},
		{object{"quantization_config": null}, "", ""},
		{object{"layer_types": []string{"full_attention"}}, "layer_types has 1 entries, want one for each of the 2 layers", ""}, // though Llama reads none
	} {
		_, err := arch.Describe(config(t, tt.changes))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: got error %v, want %q", tt.changes, err, tt.want)
		}
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); tt.hint != "" && (!ok || !strings.Contains(h.Hint(), tt.hint)) {
			t.Errorf("%v: got hint %v, want %q", tt.changes, h, tt.hint)
		}
	}
}

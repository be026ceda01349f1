package arch_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// TestFeatures holds what is read off some rows against what their families are.
func TestFeatures(t *testing.T) {
	for architecture, want := range map[string][2]string{
		"LlamaForCausalLM":            {"RMSNorm", "q/k/v biases, o bias, MLP biases"},
		"MistralForCausalLM":          {"RMSNorm", "window in all layers"},
		"Qwen2ForCausalLM":            {"RMSNorm, q/k/v biases", "window in some layers"},
		"Qwen3ForCausalLM":            {"RMSNorm, q/k-norm", "q/k/v biases, o bias, window in some layers"},
		"OlmoForCausalLM":             {"LayerNorm without weights", "q/k/v biases, o bias, q/k/v clipped"},
		"CohereForCausalLM":           {"LayerNorm, branches side by side, rope on adjacent pairs, multipliers", "q/k-norm, q/k/v biases, o bias"},
		"GPT2LMHeadModel":             {"LayerNorm, MLP without a gate, q/k/v biases, o bias, MLP biases, learned positions", "scale of scores"},
		"SmolLM3ForCausalLM":          {"RMSNorm", "q/k/v biases, o bias, MLP biases, window in some layers, no positions in some layers"},
		"Gemma3ForCausalLM":           {"RMSNorm by 1+w, norms before and after the branches, q/k-norm, scale of scores, multipliers", "q/k/v biases, o bias, window in some layers, two ropes, soft cap of logits"},
		"MinistralForCausalLM":        {"RMSNorm", "window in all layers, window in some layers"},
		"Olmo3ForCausalLM":            {"RMSNorm, norms after the branches, q/k-norm", "q/k/v biases, o bias, window in some layers, two ropes"},
		"GraniteMoeHybridForCausalLM": {"RMSNorm, linear layers (mamba2), scale of scores, multipliers", "q/k/v biases, o bias, no positions"},
	} {
		always, byConfig := arch.Features(architecture)
		if got := strings.Join(always, ", "); got != want[0] {
			t.Errorf("%s: always\n     %s\nwant %s", architecture, got, want[0])
		}
		if got := strings.Join(byConfig, ", "); got != want[1] {
			t.Errorf("%s: by config\n     %s\nwant %s", architecture, got, want[1])
		}
	}
	for _, architecture := range arch.Families() {
		types := arch.RopeTypes(architecture)
		if learned := architecture == "GPT2LMHeadModel"; learned != (len(types) == 0) || !learned && !slices.Contains(types, "yarn") {
			t.Errorf("%s: rope types %q", architecture, types)
		}
	}
}

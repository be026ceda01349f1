package arch_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestTraits: what there is to know of some golden checkpoints, in words.
func TestTraits(t *testing.T) {
	for name, want := range map[string]string{
		"llama2":   "norms RMSNorm before attention and MLP, eps 1e-05; position rope, theta 10000; MLP silu",
		"llama3.2": "norms RMSNorm before attention and MLP, eps 1e-06; position rope, theta 500, llama3 factor 8 from 16; MLP silu",
		"olmo": "norms LayerNorm without weights before attention and MLP, eps 1e-05; position rope, theta 10000; MLP silu; " +
			"biases q, k, v, o; caps q, k, v at ±0.8",
		"gpt2-old-names": "norms LayerNorm before attention and MLP, eps 1e-05; position learned, 32; MLP gelu_tanh, no gate; " +
			"biases q, k, v, o, MLP; scales scores of layer i by 1/(i+1)",
		"phi-qk-norm": "norms LayerNorm before attention, eps 1e-05; position rope, theta 10000, 4 of 10 dimensions; MLP gelu_tanh, no gate, beside attention; " +
			"q/k-norm LayerNorm of each head; biases q, k, v, o, MLP, head",
		"smollm3": "norms RMSNorm before attention and MLP, eps 1e-06; position none in 1,3; rope, theta 2000000 in 0,2; MLP silu; biases q, k, v, o, MLP",
		"olmo2": "norms RMSNorm after attention and MLP, eps 1e-05; position rope, theta 500000; MLP silu; " +
			"q/k-norm RMSNorm of all heads together; biases q, k, v, o",
		"granite": "norms RMSNorm before attention and MLP, eps 1e-06; position rope, theta 10000; MLP silu; biases q, k, v, o, MLP; " +
			"scales scores by 0.3, embedding by 1.7, branches by 0.6, logits by 0.666667",
		"gemma2": "norms RMSNorm by 1+w before and after attention and MLP, eps 1e-06; position rope, theta 10000; MLP gelu_tanh; " +
			"scales scores by 0.25, embedding by 4.89898; caps scores at 4, logits at 6",
		"phi3-longrope": "norms RMSNorm before attention and MLP, eps 1e-05; position rope, theta 10000, longrope from 16; MLP silu",
	} {
		var got []string
		for _, trait := range describe(t, filepath.Join(testdata.Family(t, name), "config.json")).Traits() {
			got = append(got, trait.Name+" "+trait.Text)
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

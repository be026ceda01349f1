package distill

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// That evaluations hold both models is told of models that are large, where an
// evaluation of a layerwise stage is to come.
func TestWholeModels(t *testing.T) {
	model := func(layers int) *arch.Model {
		t.Helper()
		config, err := json.Marshal(map[string]any{
			"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": 32000, "hidden_size": 1024,
			"num_hidden_layers": layers, "intermediate_size": 4096, "num_attention_heads": 16, "max_position_embeddings": 2048,
		})
		if err != nil {
			t.Fatal(err)
		}
		m, err := arch.Describe(config)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	held := recipes.Data{Eval: []recipes.Source{{Path: "held.txt"}}}
	stages := []Stage{{}, {Execution: recipes.Layerwise}, {}}
	for name, tt := range map[string]struct {
		layers, next int
		data         recipes.Data
		want         string
	}{
		"large":         {16, 0, held, "both models whole in memory, 2.67 GB; without data.eval"},
		"small":         {1, 0, held, ""},
		"in that stage": {16, 1, held, "2.67 GB"},
		"past it":       {16, 2, held, ""},
		"at the end":    {16, 3, held, ""},
		"nothing held":  {16, 0, recipes.Data{}, ""},
	} {
		m := model(tt.layers)
		p := &Plan{Recipe: &recipes.Recipe{Data: tt.data}, Stages: stages, teacher: m, student: m}
		if got := p.wholeModels(tt.next); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

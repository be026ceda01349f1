package memory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// What runs of random Llamas, with heads of 64, had in use of an H100's memory: the peak
// that XLA's allocator counts, 2026-11-24.
func TestMeasuredOnCUDA(t *testing.T) {
	for _, c := range []struct {
		layers, hidden, ffn, vocab, kvHeads int
		mixer                               string
		align                               bool // new+qkv; else all is distilled
		batch, tokens                       int
		measured                            int64 // MB
	}{
		{4, 448, 1344, 6000, 7, "gla", false, 2, 160, 537},
		{4, 1024, 4096, 8000, 16, "gla", false, 1, 64, 2546},
		{4, 256, 1024, 2000, 4, "mamba2", false, 4, 512, 508},
		{30, 576, 1536, 49152, 3, "hedgehog", false, 8, 512, 14535},
		{10, 384, 1152, 12000, 6, "delta", true, 4, 512, 1234},
		{12, 768, 3072, 32000, 12, "gla", true, 4, 1024, 7116},
	} {
		teacher, err := arch.Describe(fmt.Appendf(nil, `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": %d, "hidden_size": %d,
			"num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": 64, "intermediate_size": %d, "rms_norm_eps": 1e-5}`,
			c.vocab, c.hidden, c.layers, c.hidden/64, c.kvHeads, c.ffn))
		if err != nil {
			t.Fatal(err)
		}
		x, err := arch.ParseMixer(c.mixer)
		if err != nil {
			t.Fatal(err)
		}
		student, err := teacher.WithMixers(slices.Repeat([]arch.Mixer{x}, c.layers))
		if err != nil {
			t.Fatal(err)
		}
		s := Stage{
			Engine: CUDA, Teacher: teacher, Student: student, Batch: c.batch, Tokens: c.tokens,
			Loss: Loss{Align: c.align, Outputs: c.align, Teacher: !c.align, Terms: 1},
		}
		for _, w := range student.Weights() {
			if !c.align || w.Group == "mixer" || w.Group == "attention" && !strings.HasSuffix(w.Name, "o_proj.weight") {
				s.Trained = append(s.Trained, elements(w.Shape))
			}
		}
		if got := s.Estimate().Total / 1e6; got*100 < c.measured*85 || got*100 > c.measured*115 {
			t.Errorf("%d × %d, %s: planned %d MB, measured %d", c.layers, c.hidden, c.mixer, got, c.measured)
		}
	}
}

package lora

import (
	"os"
	"testing"
)

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"patterns", "head"} {
		data, err := os.ReadFile("testdata/peft/" + name + "/adapter_config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"peft_type":"LORA","target_modules":"(","rank_pattern":{"[":1}}`))
	f.Add([]byte(`{"peft_type":"LORA","r":null,"target_modules":[null],"rank_pattern":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		if c.r < 1 || c.targets == nil {
			t.Errorf("accepted %q as %+v", data, c)
		}
		c.targets("model.layers.0.self_attn.q_proj")
		of(c.rank, "model.layers.0.self_attn.q_proj", 1)
	})
}

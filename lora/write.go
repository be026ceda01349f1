package lora

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Trained is an adapter to write.
type Trained struct {
	Config  Config
	Modules []Module
	Model   *arch.Model // that the modules are of
	Base    string      // its folder, which PEFT looks for
	About   string      // a paragraph for the card

	// Values returns a module's A or B, by its name with ".lora_A.weight" or ".lora_B.weight".
	Values func(tensor string) ([]float32, error)
}

// Write makes dir a PEFT folder, whole or not at all; one that is there is replaced.
// A and B are F32.
func Write(dir string, t Trained) error {
	var sources []checkpoints.Source
	for _, m := range t.Modules {
		for name, shape := range map[string][]int{
			m.Name + ".lora_A.weight": {t.Config.R, m.In},
			m.Name + ".lora_B.weight": {m.Out, t.Config.R},
		} {
			data, err := t.Values(name)
			if err != nil {
				return fmt.Errorf("write %s: %w", dir, err)
			}
			sources = append(sources, checkpoints.FromFloat32(prefix+name, shape, data, checkpoints.F32))
		}
	}
	config, err := t.config()
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	files := map[string][]byte{configName: config, cardName: t.card()}
	err = fsx.ReplaceDir(dir, true, func(tmp string) error {
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(tmp, name), data, 0o644); err != nil {
				return err
			}
		}
		return checkpoints.WriteFile(filepath.Join(tmp, weightsName), sources, map[string]string{"format": "pt"})
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	return nil
}

// config is adapter_config.json, with the keys that every version of PEFT knows.
func (t Trained) config() ([]byte, error) {
	data, err := json.MarshalIndent(struct {
		Base          string   `json:"base_model_name_or_path"`
		Bias          string   `json:"bias"`
		FanInFanOut   bool     `json:"fan_in_fan_out"`
		InferenceMode bool     `json:"inference_mode"`
		Init          bool     `json:"init_lora_weights"`
		Alpha         float64  `json:"lora_alpha"`
		Dropout       float64  `json:"lora_dropout"`
		ModulesToSave []string `json:"modules_to_save"`
		Type          string   `json:"peft_type"`
		R             int      `json:"r"`
		Targets       []string `json:"target_modules"`
		Task          string   `json:"task_type"`
		DoRA          bool     `json:"use_dora"`
		RSLoRA        bool     `json:"use_rslora"`
	}{
		Base: t.Base, Bias: "none", InferenceMode: true, Init: true, Alpha: t.Config.Alpha, Dropout: t.Config.Dropout,
		Type: "LORA", R: t.Config.R, Targets: t.targets(), Task: "CAUSAL_LM", RSLoRA: t.Config.RSLoRA,
	}, "", "  ")
	return append(data, '\n'), err
}

// targets are the modules by the ends of their names where those name no other, else in
// full: PEFT puts a correction on all that a target matches.
func (t Trained) targets() []string {
	adapted := map[string]bool{}
	for _, m := range t.Modules {
		adapted[m.Name] = true
	}
	alone := map[string]bool{}
	for _, w := range t.Model.Weights() {
		if module, ok := strings.CutSuffix(w.Name, ".weight"); ok {
			short := shortName(module)
			before, seen := alone[short]
			alone[short] = adapted[module] && (before || !seen)
		}
	}
	var list []string
	for _, m := range t.Modules {
		target := m.Name
		if short := shortName(m.Name); alone[short] {
			target = short
		}
		if !slices.Contains(list, target) {
			list = append(list, target)
		}
	}
	return list
}

func (t Trained) card() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nbase_model_relation: adapter\nlibrary_name: peft\npipeline_tag: text-generation\ntags: [lora, linearize]\n---\n\n")
	fmt.Fprintf(&b, "# A low-rank adapter of %d modules\n\nRank %d, scale %g; it goes with `%s`.\n", len(t.Modules), t.Config.R, t.Config.Scale(), t.Base)
	if t.About != "" {
		fmt.Fprintf(&b, "\n%s\n", t.About)
	}
	return []byte(b.String())
}

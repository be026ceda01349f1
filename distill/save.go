package distill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/lora"
)

// createdBy says who wrote a linearize.json; convert has its own word.
const createdBy = "linearize distill"

// provenance is linearize.json of a saved point: what made it.
type provenance struct {
	SchemaVersion int    `json:"schema_version"`
	CreatedBy     string `json:"created_by"`
	Version       string `json:"version"`

	Recipe  string         `json:"recipe_sha256"`
	Stage   string         `json:"stage"`
	Step    int            `json:"step"`
	Seed    uint64         `json:"seed"`
	Teacher string         `json:"teacher"`
	Evals   []Event        `json:"evaluations,omitempty"`
	Origin  map[string]any `json:"origin,omitempty"` // linearize.json of the folder it started from
}

// saveModel writes the student as it is now as a complete model folder: tensors
// that were trained rounded to the dtype they are stored in, adapters merged, the
// others copied byte for byte.
func (s *session) saveModel(dir string, stage Stage, step int) error {
	touched := map[string]bool{}
	for _, name := range s.touched {
		touched[name] = true
	}
	adapted := map[string]lora.Module{}
	for _, m := range stage.Modules {
		adapted[m.Name+".weight"] = m
	}
	out := checkpoints.Output{Config: s.studentFolder.Config(), Overwrite: true, Files: map[string][]byte{}}
	for _, w := range s.plan.student.Weights() {
		t, err := s.studentFolder.Tensor(w.Name)
		if err != nil {
			return err
		}
		module, low := adapted[w.Name]
		if !touched[w.Name] && !low {
			out.Tensors = append(out.Tensors, t.Source())
			continue
		}
		out.Tensors = append(out.Tensors, checkpoints.Source{Name: w.Name, DType: t.DType, Shape: t.Shape, Data: func() ([]byte, error) {
			data, err := s.masters().Float32(w.Name)
			if err == nil && low {
				err = mergeInto(data, s.params, module, stage)
			}
			if i := slices.IndexFunc(data, notFinite); err == nil && i >= 0 {
				err = &DivergedError{stage.label(), step, fmt.Sprintf("layer %d: tensor %s is %v at element %d", w.Layer, w.Name, data[i], i)}
			}
			if err != nil {
				return nil, err
			}
			return checkpoints.EncodeFloat32(data, t.DType)
		}})
	}
	for _, name := range s.studentFolder.Files() {
		out.Copy = append(out.Copy, filepath.Join(s.studentFolder.Dir(), name))
	}
	p := provenance{
		SchemaVersion: 1, CreatedBy: createdBy, Version: s.plan.Options.Version, Recipe: s.plan.Fingerprint,
		Stage: stage.Name, Step: step, Seed: s.plan.Recipe.Seed, Teacher: s.plan.Teacher, Evals: s.evals, Origin: s.origin,
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", provenanceName, err)
	}
	out.Files[provenanceName] = append(data, '\n')
	out.Files["README.md"] = s.card(stage, step)
	if err := checkpoints.Write(dir, out); err != nil {
		return err
	}
	return s.saveAdapter(dir, stage, step)
}

func notFinite(x float32) bool { return x-x != 0 }

// mergeInto adds a module's trained adapter to its weight.
func mergeInto(weight []float32, params *nn.Params, m lora.Module, stage Stage) error {
	a, err := params.Float32(m.Name + nn.LoRAA)
	if err != nil {
		return err
	}
	b, err := params.Float32(m.Name + nn.LoRAB)
	if err != nil {
		return err
	}
	m.Merge(weight, a, b, loraConfig(*stage.LoRA).Scale())
	return nil
}

// mergeAdapters ends a stage of adapters: their masters go into the weights.
func (s *session) mergeAdapters(stage Stage) error {
	for _, m := range stage.Modules {
		name := m.Name + ".weight"
		weight, err := s.params.Float32(name)
		if err != nil {
			return err
		}
		if err := mergeInto(weight, s.params, m, stage); err != nil {
			return err
		}
		if err := s.params.Set(name, []int{m.Out, m.In}, weight); err != nil {
			return err
		}
		if err := s.drop(m); err != nil {
			return err
		}
		s.touch(name)
	}
	return nil
}

// card is the README.md of a saved point: the front matter and text of the
// converted student's, and how far training has come.
func (s *session) card(stage Stage, step int) []byte {
	var b strings.Builder
	if base, err := os.ReadFile(filepath.Join(s.studentFolder.Dir(), "README.md")); err == nil {
		b.Write(base)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "## Training\n\nStage %s (%s), step %d of %d, of recipe %.12s.\n", stage.Name, stage.Kind, step, stage.Steps, s.plan.Fingerprint)
	if len(s.evals) > 0 {
		b.WriteString("\n| after | nats per token | standard error |\n|---|---|---|\n")
		for _, e := range s.evals {
			fmt.Fprintf(&b, "| %s | %.4f | %.4f |\n", after(e), e.Nats, e.StdErr)
		}
	}
	return []byte(b.String())
}

// readOrigin reads the linearize.json of the folder that a run starts from, if it has one.
func readOrigin(dir string) (map[string]any, error) {
	data, err := os.ReadFile(filepath.Join(dir, provenanceName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var origin map[string]any
	if err := json.Unmarshal(data, &origin); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, provenanceName), err)
	}
	return origin, nil
}

package distill

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/lora"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// adapterDir is the PEFT folder of a saved point, in the point's folder.
const adapterDir = "adapter"

// loraConfig is a recipe's adapter as package lora has it.
func loraConfig(l recipes.LoRA) lora.Config {
	return lora.Config{R: l.R, Alpha: l.Alpha, RSLoRA: l.RSLoRA, Dropout: l.Dropout, Targets: l.Targets}
}

// adapt puts a stage's adapter on a module whose A and B are there.
func (s *session) adapt(module string, stage Stage) error {
	s.params.Adapt(module, loraConfig(*stage.LoRA).Scale())
	return s.params.DropInput(module, stage.LoRA.Dropout, s.plan.Recipe.Seed^stream(stage.Name, "dropout", module))
}

// saveAdapter writes a saved point's adapter beside the merged weights, where the
// recipe asks for it. The final folder has that of the last point.
func (s *session) saveAdapter(dir string, stage Stage, step int) error {
	if !stage.savesAdapter() {
		return nil
	}
	dir = filepath.Join(dir, adapterDir)
	if point := filepath.Join(s.plan.Dir, stage.dir(step), adapterDir); point != dir {
		return fsx.ReplaceDir(dir, true, func(tmp string) error { return os.CopyFS(tmp, os.DirFS(point)) })
	}
	i := slices.IndexFunc(s.plan.Stages, func(x Stage) bool { return x.Dir == stage.Dir })
	modules, base := s.plan.Stages[i].Modules, s.plan.Student
	if point := s.plan.base(i); point != "" {
		base = filepath.Join(s.plan.Dir, point)
	}
	return lora.Write(dir, lora.Trained{
		Config: loraConfig(*stage.LoRA), Modules: modules, Model: s.plan.student, Base: base, Values: s.lowRank,
		About: fmt.Sprintf("Stage %s (%s), step %d of %d, of recipe %.12s. The folder around this one has it merged.",
			stage.Name, stage.Kind, step, stage.Steps, s.plan.Fingerprint),
	})
}

// base is the saved point that a stage starts from, below the run folder; empty for the
// student that the run starts from.
func (p *Plan) base(i int) string {
	for _, s := range slices.Backward(p.Stages[:i]) {
		if s.Skipped == "" {
			return s.dir(s.Steps)
		}
	}
	return ""
}

// savesAdapter reports whether the stage's points hold its adapter by itself, too.
func (s Stage) savesAdapter() bool { return s.LoRA != nil && s.LoRA.Save == "merged+adapter" }

// lowRank returns an adapter's tensor, also once it is merged.
func (s *session) lowRank(name string) ([]float32, error) {
	if data, ok := s.dropped[name]; ok && !s.params.Has(name) {
		return data, nil
	}
	return s.params.Float32(name)
}

// drop takes a module's adapter away, and keeps its values for [session.saveAdapter].
func (s *session) drop(m lora.Module) error {
	for _, name := range []string{m.Name + nn.LoRAA, m.Name + nn.LoRAB} {
		data, err := s.params.Float32(name)
		if err != nil {
			return err
		}
		if s.dropped == nil {
			s.dropped = map[string][]float32{}
		}
		s.dropped[name] = data
		s.untouch(name)
	}
	return s.params.Drop(m.Name)
}

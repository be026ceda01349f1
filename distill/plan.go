package distill

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/memory"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
	"github.com/seed-1411d8c0/linearize/lora"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// Options of a run beside its recipe.
type Options struct {
	Run       string // run folder; empty: the recipe's output_dir
	Overwrite bool   // start over in a run folder that holds a run, of whatever recipe
	Resume    bool   // there must be something to resume
	Version   string // of the program, for what is written
	Teacher   string // folder of a teacher that the recipe names on the hub; empty: the recipe's own
	Origin    string // what that teacher is, as org/name@commit
	Engine    string // as internal/engine takes it: "go", "xla:cpu"; "auto" is that of the run that goes on, or what is found; empty: go
	Devices   int    // of that engine that share a batch; 0: one
}

// Plan is what a run will do. The part that acts decides nothing.
type Plan struct {
	Recipe      *recipes.Recipe `json:"-"`
	Options     Options         `json:"-"`
	Dir         string          `json:"run"` // run folder
	Fingerprint string          `json:"recipe"`
	Teacher     string          `json:"teacher"`              // folder
	Origin      string          `json:"origin,omitempty"`     // of a teacher from the hub, as org/name@commit
	Student     string          `json:"student"`              // folder that the first stage starts from
	Conversion  *convert.Plan   `json:"conversion,omitempty"` // nil: the recipe names a student
	Engine      string          `json:"engine"`               // that memory is planned for: go, xla:cpu, xla:cuda
	Stages      []Stage         `json:"stages"`

	teacher, student *arch.Model
}

// Stage is one stage of the plan.
type Stage struct {
	recipes.Stage `json:"-"`
	Name          string          `json:"name"`
	Kind          string          `json:"kind"`
	Dir           string          `json:"dir"` // below the run folder
	Steps         int             `json:"steps"`
	Tokens        int64           `json:"tokens"`                // predicted ones, over all steps
	Skipped       string          `json:"skipped,omitempty"`     // why the run goes past it; steps and tokens are 0 then
	Aligned       []int           `json:"layers,omitempty"`      // of a layerwise stage: those that it aligns
	CacheBytes    int64           `json:"cache_bytes,omitempty"` // and what its hidden states take on the disk, at most
	Groups        []Group         `json:"groups"`
	Memory        memory.Estimate `json:"memory"` // on [Plan].Engine
	Set           []Trainable     `json:"-"`
	Modules       []lora.Module   `json:"-"` // adapted ones; nil unless the stage trains lora
}

// Parameters returns how many parameters the stage trains, and how many there are.
func (s Stage) Parameters() (trained, all int64) {
	for _, g := range s.Groups {
		all += g.Parameters
		if g.Trained {
			trained += g.Parameters
		}
	}
	return trained, all
}

// NewPlan decides what a run does. It reads configs, tensor headers and the
// tokenizer, looks for the data, and writes nothing. What these show to be wrong is
// refused here; what only the text, the run folder or the engine shows, by [Plan.Run].
func NewPlan(r *recipes.Recipe, o Options) (*Plan, error) {
	p := &Plan{Recipe: r, Options: o, Origin: o.Origin, Dir: cmp.Or(o.Run, r.OutputDir)}
	if o.Resume && o.Overwrite { // which would remove what there is to resume
		return nil, errors.New("resume goes on with a run, and overwrite starts over: want one of them")
	}
	if err := checkpoints.CheckFolder(p.Dir); err != nil {
		return nil, err
	}
	paths := p.paths()
	var err error
	if p.Fingerprint, err = r.Fingerprint(); err != nil {
		return nil, err
	}
	p.Teacher = paths.Teacher
	if p.teacher, err = readModel(p.Teacher); err != nil {
		return nil, fmt.Errorf("teacher: %w", err)
	}
	origin, err := p.planStudent(paths)
	if err != nil {
		return nil, err
	}
	if err := fit(p.teacher, p.student); err != nil {
		return nil, err
	}
	if err := checkSeqLen(p.teacher, p.student, r.Data.SeqLen); err != nil {
		return nil, err
	}
	if _, err := tokenizer.Load(cmp.Or(paths.Student, paths.Teacher)); err != nil {
		return nil, err
	}
	if err := errors.Join(checkFiles("data.train", paths.Train), checkFiles("data.eval", paths.Eval)); err != nil {
		return nil, err
	}
	if err := p.planStages(origin); err != nil {
		return nil, err
	}
	p.planMemory()
	return p, nil
}

// paths are the recipe's, with the teacher where it was found.
func (p *Plan) paths() recipes.Paths {
	paths := p.Recipe.Paths()
	paths.Teacher = cmp.Or(p.Options.Teacher, paths.Teacher)
	return paths
}

// planStages decides what each stage trains. A stage of new tensors is skipped where
// the student has none, so that one recipe serves every mixer; a run of nothing else
// is refused.
func (p *Plan) planStages(origin map[string]string) error {
	r, earlier := p.Recipe, map[string]string{}
	var nothing error
	for i, s := range r.Stages {
		if n := max(p.Options.Devices, 1); s.BatchSize%n != 0 {
			return fmt.Errorf("stage %s: batch_size is %d, want a multiple of the %d devices", s.Name, s.BatchSize, n)
		}
		stage := Stage{
			Stage: s, Name: s.Name, Kind: s.Kind, Steps: s.Steps,
			Dir: filepath.Join(stagesName, fmt.Sprintf("%d-%s", i+1, s.Name)),
		}
		stage.Tokens = p.tokens(stage, s.Steps)
		err := p.planLayers(&stage)
		if err != nil {
			return err
		}
		stage.Set, stage.Modules, err = trainSet(p.student, s)
		if err == nil {
			stage.Set, err = p.withinAligned(&stage, stage.Set)
		}
		if _, empty := errors.AsType[*emptyError](err); empty && s.Train == "new" && p.student.Linear() {
			stage.Skipped, stage.Steps, stage.Tokens = addNone(p.student)+": nothing for train: new", 0, 0
			nothing = cmp.Or(nothing, err)
		} else if err != nil {
			return err
		}
		if s.Kind == "align" && !p.student.Linear() {
			return fmt.Errorf("stage %s: kind align: the student has no linear layer to align", s.Name)
		}
		if err := p.checkObjective(s); err != nil {
			return err
		}
		p.planCache(&stage)
		stage.Groups = groups(p.student, s, stage.Set, origin, earlier)
		for _, t := range stage.Set {
			earlier[t.Name] = s.Name
		}
		for _, m := range stage.Modules {
			earlier[m.Name+".weight"] = s.Name
		}
		p.Stages = append(p.Stages, stage)
	}
	if p.next(0) == len(p.Stages) {
		return nothing
	}
	return nil
}

// windows is how many windows of text a step takes.
func (s Stage) windows() int { return s.BatchSize * s.GradAccumulation }

// tokens is how many tokens so many steps of a stage predict.
func (p *Plan) tokens(s Stage, steps int) int64 {
	return int64(steps) * int64(s.windows()) * int64(p.Recipe.Data.SeqLen)
}

// next is the first stage from i on that trains; there may be none.
func (p *Plan) next(i int) int {
	for i < len(p.Stages) && p.Stages[i].Skipped != "" {
		i++
	}
	return i
}

// last is the last stage that trains.
func (p *Plan) last() Stage {
	i := len(p.Stages) - 1
	for p.Stages[i].Skipped != "" {
		i--
	}
	return p.Stages[i]
}

// planStudent finds the student, or plans its conversion, and says where each of
// its tensors comes from.
func (p *Plan) planStudent(paths recipes.Paths) (origin map[string]string, err error) {
	origin = map[string]string{}
	if paths.Student != "" {
		p.Student = paths.Student
		if p.student, err = readModel(p.Student); err != nil {
			return nil, fmt.Errorf("student: %w", err)
		}
		for _, w := range p.student.Weights() {
			if w.Parts != nil { // what is saved would not be read back
				return nil, &foreignError{p.Student, p.student.Family, w.Parts[0].Tensor}
			}
			origin[w.Name] = p.Student
		}
		return origin, nil
	}
	p.Student = filepath.Join(p.Dir, stagesName, converted)
	s := p.Recipe.Student
	p.Conversion, err = convert.NewPlan(paths.Teacher, p.Student, convert.Options{
		Mixer: s.Mixer, LayerMixers: layerMixers(s), Keep: paths.Keep, Seeding: s.Seeding, Seed: p.Recipe.Seed,
		Overwrite: true, Version: p.Options.Version, Origin: p.Origin,
	})
	if err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	if p.student, err = arch.Describe(p.Conversion.Config); err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	for _, t := range p.Conversion.Tensors {
		origin[t.Name] = "teacher"
		if t.From == convert.Seeded {
			origin[t.Name] = "seeded by " + t.By
		}
	}
	return origin, nil
}

// layerMixers lists a recipe's map from layers to mixers, in an order that does not
// depend on how it is written.
func layerMixers(s recipes.Student) []convert.LayerMixer {
	var all []convert.LayerMixer
	for _, layers := range slices.Sorted(maps.Keys(s.LayerMixers)) {
		all = append(all, convert.LayerMixer{Layers: layers, Mixer: s.LayerMixers[layers]})
	}
	return all
}

// foreignError reports a student whose files are laid out in a way of its family's.
type foreignError struct{ dir, family, tensor string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("student: %s is a %s, whose tensor %s is not one of a student's", e.dir, e.family, e.tensor)
}

// Hint says how it becomes one.
func (e *foreignError) Hint() string {
	return "convert it first; linearize convert --keep all leaves every layer as it is"
}

// checkFiles looks for the files of a key.
func checkFiles(key string, list []recipes.Source) error {
	for _, s := range list {
		info, err := os.Stat(s.Path)
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder, want a file", s.Path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// readModel reads what a model folder is, and checks that its tensors are there.
func readModel(dir string) (*arch.Model, error) {
	folder, err := pretrained.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // read only
	for _, w := range folder.Model.Weights() {
		for _, p := range pretrained.Stored(w) {
			info, ok := folder.Folder.Info(p.Tensor)
			if !ok {
				return nil, fmt.Errorf("%s: tensor %s is missing", dir, p.Tensor)
			}
			if !slices.Equal(info.Shape, p.Shape) {
				return nil, fmt.Errorf("%s: tensor %s: got shape %v, want %v", dir, p.Tensor, info.Shape, p.Shape)
			}
		}
	}
	return folder.Model, nil
}

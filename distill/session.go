package distill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/metrics"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// session is a run in progress: everything that is open.
type session struct {
	plan *Plan
	env  Env
	at   place

	backend       compute.Backend
	store         *nn.Store
	teacher       *nn.Net // nil when nothing asks it
	student       nn.Net
	params        *nn.Params // the student's
	teacherParams *nn.Params
	studentFolder *checkpoints.Folder
	origin        map[string]any // linearize.json of studentFolder

	corpora []*data.Corpus // what the windows are of
	corpus  *data.Windows
	held    *data.Windows // nil: no evaluation
	disk    onDisk        // the masters, as far as no model is loaded
	log     *metrics.Log
	sinks   []sink // copies of the log

	pictures pictures

	on       machinery // what the run computes with
	chosen   string    // why, if it was left to choose
	switched string    // told when a run goes on with another one
	devices  *train.Devices

	touched []string             // tensors whose masters differ from the folder's
	dropped map[string][]float32 // A and B of adapters that are merged, by name
	evals   []Event
	saves   []Event            // points on the disk, as far as this run has made them
	speeds  map[string]float64 // tokens/s by stage
	release []func()           // what holds the run folder
}

// open reads the text and starts the engine: what can fail before anything of an
// earlier run is removed, or anything of this one written.
func (p *Plan) open(env Env) (*session, error) {
	s := &session{plan: p, env: env, store: nn.NewStore(), speeds: map[string]float64{}}
	err := s.loadData()
	if err != nil {
		err = &refusal{err}
	} else {
		err = s.startEngine()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// load opens the student, which it converts if that is still to be done, the saved
// state and the metrics. The models are loaded when somebody asks for them.
func (s *session) load(ctx context.Context) (err error) {
	if err = s.convert(ctx); err != nil {
		return err
	}
	p := s.plan
	if s.studentFolder, err = checkpoints.Open(p.Student); err != nil {
		return err
	}
	if s.origin, err = readOrigin(p.Student); err != nil {
		return err
	}
	s.disk.student = s.studentFolder
	if s.touched, err = s.disk.reopen(p.Dir); err != nil {
		return err
	}
	if err = s.sweepLayers(s.at.Stage); err != nil {
		return err
	}
	return s.openMetrics()
}

// checkWeights refuses to train with weights that are not numbers.
func (s *session) checkWeights() error {
	for _, m := range []struct {
		name   string
		net    *nn.Net
		params *nn.Params
	}{{"teacher", s.teacher, s.teacherParams}, {"student", &s.student, s.params}} {
		if m.net == nil {
			continue
		}
		where, err := m.params.NotFinite(m.net.Model)
		if err != nil {
			return err
		}
		if where != "" {
			return &DivergedError{converted, 0, m.name + ", " + where}
		}
	}
	return nil
}

// convert writes the student that the run starts from, unless it goes on.
func (s *session) convert(ctx context.Context) error {
	c := s.plan.Conversion
	if c == nil || s.at.resumed() {
		return nil
	}
	return c.Write(ctx, nil)
}

// loadTeacher loads the teacher, if a stage or an evaluation asks it.
func (s *session) loadTeacher() error {
	if !s.plan.needsTeacher() {
		return nil
	}
	folder, err := pretrained.Open(s.plan.Teacher)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // read only
	params := s.onEngine(nn.NewParams(s.store, "teacher"))
	if err := params.Load(folder, folder.Model, nil); err != nil {
		return err
	}
	s.teacher, s.teacherParams = &nn.Net{Model: folder.Model, Weights: params}, params
	return nil
}

// onEngine has tensors where the engine computes, and nowhere else; but several devices
// share them out from the host.
func (s *session) onEngine(p *nn.Params) *nn.Params {
	if s.devices == nil {
		p.On(s.backend)
	}
	return p
}

// trainer builds the trainer of a stage, with new adapters where it trains some
// and the state holds none.
func (s *session) trainer(i int) (*train.Trainer, error) {
	stage := s.plan.Stages[i]
	for _, m := range stage.Modules {
		if !s.params.Has(m.Name + nn.LoRAA) {
			rng := rand.New(rand.NewPCG(s.plan.Recipe.Seed, stream(stage.Name, m.Name)))
			a, b := m.Init(stage.LoRA.R, rng)
			if err := errors.Join(
				s.params.Set(m.Name+nn.LoRAA, []int{stage.LoRA.R, m.In}, a),
				s.params.Set(m.Name+nn.LoRAB, []int{m.Out, stage.LoRA.R}, b)); err != nil {
				return nil, err
			}
		}
		if err := s.adapt(m.Name, stage); err != nil {
			return nil, err
		}
	}
	setup := train.Setup{
		Backend: s.backend, Store: s.store, Teacher: s.teacher, Student: s.student, Params: s.params,
		Objective: objective(stage), Optimizer: optimizer(stage), Devices: s.devices,
	}
	if k := stage.TeacherLogits; k != nil {
		setup.TopK = k.TopK
	}
	for _, t := range stage.Set {
		setup.Tensors = append(setup.Tensors, train.Tensor{Name: t.Name, Group: slices.Index(rateGroups, t.Group), Decay: t.Decay})
		s.touch(t.Name)
	}
	t, err := train.New(setup)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", stage.Name, err)
	}
	return t, nil
}

func optimizer(s Stage) train.AdamW {
	return train.AdamW{Beta1: s.Betas[0], Beta2: s.Betas[1], Eps: s.Eps, WeightDecay: s.WeightDecay, ClipNorm: s.ClipNorm}
}

// stream makes a random stream's number from names (FNV-1a).
func stream(names ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(strings.Join(names, "\x00")) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// touch notes that training has another master of a tensor than the folder.
func (s *session) touch(name string) {
	if i, found := slices.BinarySearch(s.touched, name); !found {
		s.touched = slices.Insert(s.touched, i, name)
	}
}

func (s *session) untouch(names ...string) {
	s.touched = slices.DeleteFunc(s.touched, func(n string) bool { return slices.Contains(names, n) })
}

// close closes all that is open. The locks go last: until then the folder is the run's.
func (s *session) close() error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	for _, x := range s.sinks {
		errs = append(errs, x.Close())
	}
	errs = append(errs, s.disk.close())
	if s.studentFolder != nil {
		errs = append(errs, s.studentFolder.Close())
	}
	for _, c := range s.corpora {
		errs = append(errs, c.Close())
	}
	if s.store != nil {
		s.store.Finalize()
	}
	if s.backend != nil {
		engine.Close(s.backend)
	}
	for _, release := range slices.Backward(s.release) {
		release()
	}
	return errors.Join(errs...)
}

// linear counts the layers that were converted.
func linear(m *arch.Model) int {
	n := 0
	for i := range m.Mixers {
		if m.Converted(i) {
			n++
		}
	}
	return n
}

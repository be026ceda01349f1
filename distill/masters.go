package distill

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// masters are the fp32 values of the student's tensors, as training has left them.
type masters interface {
	Float32(name string) ([]float32, error)
	Dimensions(name string) []int
}

var (
	_ masters = (*nn.Params)(nil)
	_ masters = (*onDisk)(nil)
)

// masters are the loaded ones, or else those on the disk.
func (s *session) masters() masters {
	if s.params != nil {
		return s.params
	}
	return &s.disk
}

// onDisk reads masters where they are, one at a time: from the layers that the present
// stage has finished, else from the state, else from the folder that the run began with.
type onDisk struct {
	layers  map[string]*checkpoints.File // by tensor
	state   *checkpoints.File            // nil: there is none
	student *checkpoints.Folder
}

// moments are the optimizer's as they are on the disk, of the same files.
func (d *onDisk) moments(set []Trainable) *moments {
	m := &moments{}
	for _, x := range set {
		m.names = append(m.names, x.Name)
	}
	m.read = func(i int) (first, second []float32, err error) {
		file := d.state
		if own := d.layers[m.names[i]]; own != nil {
			file = own
		}
		return readMoments(file, m.names[i])
	}
	return m
}

func (d *onDisk) tensor(name string) (checkpoints.Tensor, error) {
	if file := d.layers[name]; file != nil {
		return file.Tensor(paramPrefix + name)
	}
	if d.state != nil {
		if _, ok := d.state.Info(paramPrefix + name); ok {
			return d.state.Tensor(paramPrefix + name)
		}
	}
	return d.student.Tensor(name)
}

// Float32 returns a tensor's values.
func (d *onDisk) Float32(name string) ([]float32, error) {
	t, err := d.tensor(name)
	if err != nil {
		return nil, err
	}
	return t.Float32()
}

// Dimensions are a tensor's shape.
func (d *onDisk) Dimensions(name string) []int {
	t, err := d.tensor(name)
	if err != nil {
		return nil // who asks for the values is told
	}
	return t.Shape
}

// reopen reads the state as it is now, and forgets the layers.
func (d *onDisk) reopen(run string) (touched []string, err error) {
	if err := d.close(); err != nil {
		return nil, err
	}
	if d.state, _, err = openState(run); err != nil || d.state == nil {
		return nil, err
	}
	for _, name := range d.state.Names() {
		if own, ok := strings.CutPrefix(name, paramPrefix); ok {
			touched = append(touched, own)
		}
	}
	slices.Sort(touched)
	return touched, nil
}

// add puts a finished layer's file over the rest.
func (d *onDisk) add(file *checkpoints.File) {
	if d.layers == nil {
		d.layers = map[string]*checkpoints.File{}
	}
	for _, name := range file.Names() {
		if own, ok := strings.CutPrefix(name, paramPrefix); ok {
			d.layers[own] = file
		}
	}
}

func (d *onDisk) close() error {
	var errs []error
	for _, file := range d.layers { // more than once: closing again does nothing
		errs = append(errs, file.Close())
	}
	if d.state != nil {
		errs = append(errs, d.state.Close())
	}
	d.layers, d.state = nil, nil
	return errors.Join(errs...)
}

// loadModels brings teacher and student into memory, with the masters as they are on
// the disk, unless they are there.
func (s *session) loadModels() (err error) {
	if s.params != nil {
		return nil
	}
	s.params = s.onEngine(nn.NewParams(s.store, "student"))
	if err = s.params.Load(s.studentFolder, s.plan.student, nil); err != nil {
		s.params = nil
		return fmt.Errorf("student: %w", err)
	}
	s.student = nn.Net{Model: s.plan.student, Weights: s.params}
	if err = s.loadTeacher(); err != nil {
		return fmt.Errorf("teacher: %w", err)
	}
	if err = s.checkWeights(); err != nil {
		return err
	}
	for _, name := range s.touched {
		data, err := s.disk.Float32(name)
		if err != nil {
			return fmt.Errorf("training state: %w", err)
		}
		if err := s.params.Set(name, s.disk.Dimensions(name), data); err != nil {
			return fmt.Errorf("training state: %w", err)
		}
	}
	debug.FreeOSMemory() // what the tensors came through
	return nil
}

// unloadModels frees what loadModels made. The state on the disk must be up to date.
func (s *session) unloadModels() error {
	if s.params != nil {
		s.store.Finalize()
		s.store, s.params, s.teacher, s.teacherParams, s.student = nn.NewStore(), nil, nil, nil, nn.Net{}
		debug.FreeOSMemory()
	}
	var err error
	s.touched, err = s.disk.reopen(s.plan.Dir)
	return err
}

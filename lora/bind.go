package lora

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// Bound is a correction and the stored module that it is of. A family's files may hold
// several of the model's modules in one, or have weights transposed; PEFT corrects what
// is stored.
type Bound struct {
	Low

	Tensor     string // the stored weight
	Transposed bool   // it is [in, out]

	adapter *Adapter
	uses    []use
}

// use is a run of rows of a stored module that a module of the model has.
type use struct {
	module    string
	row, rows int
}

// stored is a linear module as a folder's files have it.
type stored struct {
	tensor     string
	in, out    int
	transposed bool
	uses       []use
}

// ModuleError reports a module of an adapter that the model does not have.
type ModuleError struct {
	Module string
	Exist  []string
}

func (e *ModuleError) Error() string {
	return fmt.Sprintf("the adapter corrects module %s, and the model has no such linear module", e.Module)
}

// Hint lists what there is.
func (e *ModuleError) Hint() string {
	return "its files have " + strings.Join(e.Exist, ", ") + "; an adapter goes with the model that it was trained on"
}

// Bind finds the adapter's modules in a model folder. It reads no weights but those that
// the adapter brings along.
func (a *Adapter) Bind(folder *pretrained.Folder) ([]Bound, error) {
	there := linearModules(folder.Model)
	var bound []Bound
	taken := map[string]string{}
	for _, x := range a.Modules {
		s, err := find(there, x.Name)
		if err != nil {
			return nil, fmt.Errorf("adapter %s: %w", a.Dir, err)
		}
		if s.tied() {
			return nil, fmt.Errorf("adapter %s: module %s is tied to the embedding: corrected, it would change both", a.Dir, x.Name)
		}
		if other, twice := taken[s.tensor]; twice {
			return nil, fmt.Errorf("adapter %s: modules %s and %s are one, that of tensor %s", a.Dir, other, x.Name, s.tensor)
		}
		taken[s.tensor] = x.Name
		if x.In != s.in || x.Out != s.out {
			return nil, fmt.Errorf("adapter %s: module %s is corrected as [%d, %d], want [%d, %d], out and in of %s", a.Dir, x.Name, x.Out, x.In, s.out, s.in, s.tensor)
		}
		b := Bound{Low: x, Tensor: s.tensor, Transposed: s.transposed, adapter: a, uses: s.uses}
		if err := b.checkOwn(folder); err != nil {
			return nil, err
		}
		bound = append(bound, b)
	}
	return bound, nil
}

// linearModules lists the stored modules of the projections, the MLPs and the head, by
// name and in the order of the model. That of a tied head is the embedding.
func linearModules(m *arch.Model) []stored {
	linear := map[string]bool{m.Head(): true}
	for i := range m.Layers {
		for _, p := range m.Projections() {
			linear[m.Attention(i)+"."+p.Name] = true
		}
		linear[m.Attention(i)+"."+arch.GateProj] = true
		gate, up, down := m.MLP(i)
		linear[gate], linear[up], linear[down] = true, true, true
	}
	var list []stored
	for _, w := range m.Weights() {
		module, ok := strings.CutSuffix(w.Name, ".weight")
		if !ok || !linear[module] || len(w.Shape) != 2 {
			continue
		}
		for _, p := range pretrained.Stored(w) {
			s := stored{tensor: p.Tensor, out: p.Shape[0], in: p.Shape[1], transposed: p.Transposed}
			if p.Transposed {
				s.in, s.out = s.out, s.in
			}
			i := slices.IndexFunc(list, func(x stored) bool { return x.tensor == s.tensor })
			if i < 0 {
				list, i = append(list, s), len(list)
			}
			u := use{module, p.Row, p.Rows}
			if w.Parts == nil {
				u.rows = s.out
			}
			list[i].uses = append(list[i].uses, u)
		}
	}
	// What a module shares with a mixer's own tensors is not linear as a whole.
	list = slices.DeleteFunc(list, func(s stored) bool {
		rows := 0
		for _, u := range s.uses {
			rows += u.rows
		}
		return rows != s.out
	})
	if m.Tied {
		list = append(list, stored{tensor: m.Embedding(), in: m.Hidden, out: m.Vocab, uses: []use{{module: m.Head()}}})
	}
	return list
}

// tied tells of the head of a tied model, which has no tensor of its name.
func (s stored) tied() bool { return len(s.uses) == 1 && s.uses[0].rows == 0 }

// name is what PEFT calls the module, without its prefix.
func (s stored) name() string {
	if s.tied() {
		return s.uses[0].module
	}
	return strings.TrimSuffix(s.tensor, ".weight")
}

// find returns the module of a name. Files may leave out what the class puts before
// all names, or have more: then the one that ends alike is meant.
func find(list []stored, module string) (stored, error) {
	var near []stored
	for _, s := range list {
		switch name := s.name(); {
		case name == module:
			return s, nil
		case strings.HasSuffix(module, "."+name), strings.HasSuffix(name, "."+module):
			near = append(near, s)
		}
	}
	if len(near) == 1 {
		return near[0], nil
	}
	e := &ModuleError{Module: module}
	for _, s := range list {
		if short := shortName(s.name()); !s.tied() && !slices.Contains(e.Exist, short) {
			e.Exist = append(e.Exist, short)
		}
	}
	return stored{}, e
}

// checkOwn refuses a weight that the adapter would put in the base's place. PEFT saves
// the head's, as it was, where the head is corrected.
func (b *Bound) checkOwn(folder *pretrained.Folder) error {
	if b.own == "" {
		return nil
	}
	own, err := b.adapter.values(b.own)
	if err != nil {
		return err
	}
	t, err := folder.Folder.Tensor(b.Tensor)
	if err != nil {
		return err
	}
	base, err := t.Float32()
	if err != nil {
		return err
	}
	if !slices.Equal(own, base) {
		return fmt.Errorf("adapter %s: tensor %s is not the base's %s, want a correction of the base alone", b.adapter.Dir, b.own, b.Tensor)
	}
	return nil
}

// Correction is the correction of one module of the model, with its values.
type Correction struct {
	Module     string
	R, In, Out int
	Scale      float64
	A, B       []float32 // [R, In], [Out, R]
}

// Corrections reads what an adapter does to the modules of the model: one that is
// stored with others has the A of all of them and its own rows of B.
func Corrections(bound []Bound) ([]Correction, error) {
	var list []Correction
	for _, b := range bound {
		f, err := b.adapter.factors(b.Low)
		if err != nil {
			return nil, err
		}
		for _, u := range b.uses {
			rows := f.b[u.row*f.r : (u.row+u.rows)*f.r]
			i := slices.IndexFunc(list, func(c Correction) bool { return c.Module == u.module })
			if i < 0 {
				list, i = append(list, Correction{Module: u.module, R: f.r, In: f.in, Scale: f.scale, A: f.a}), len(list)
			}
			list[i].Out += u.rows
			list[i].B = append(list[i].B, rows...)
		}
	}
	return list, nil
}

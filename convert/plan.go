package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/seeding"
)

// Plan is all that a conversion will do. It is data: [Plan.Write] works from one
// that went through JSON just as well.
type Plan struct {
	Source  string  `json:"source"` // folder
	Output  string  `json:"output"` // folder
	Family  string  `json:"family"`
	Options Options `json:"options"` // defaults filled in

	Layers  []Layer  `json:"layers"`
	Tensors []Tensor `json:"tensors"` // in the order of the model
	Copied  []string `json:"copied"`  // files, by base name
	Dropped []string `json:"dropped"` // tensors of the source that the student has no place for

	Parameters    int64  `json:"parameters"`
	NewParameters int64  `json:"new_parameters"` // those that do not come from the source
	BytesIn       int64  `json:"bytes_in"`       // of tensors
	BytesOut      int64  `json:"bytes_out"`
	PeakMemory    int64  `json:"peak_memory"` // estimate, bytes
	Memory        Memory `json:"memory"`      // what the student carries per sequence

	Config json.RawMessage `json:"config"` // config.json
	Card   string          `json:"card"`   // README.md
}

// Layer is what becomes of one layer.
type Layer struct {
	Index   int        `json:"index"`
	Mixer   arch.Mixer `json:"mixer"`
	Seeding string     `json:"seeding,omitempty"` // the method; "" for a layer that stays
}

// Tensor is one tensor of the output.
type Tensor struct {
	Name  string            `json:"name"`
	DType checkpoints.DType `json:"dtype"`
	Shape []int             `json:"shape"`
	Bytes int64             `json:"bytes"`
	Layer int               `json:"layer"` // -1 outside the layers
	Group string            `json:"group"`
	From  string            `json:"from"`          // [Copied], [Cast] or [Seeded]
	By    string            `json:"by,omitempty"`  // the seeding method
	Was   checkpoints.DType `json:"was,omitempty"` // dtype before the cast
}

// Where an output tensor comes from.
const (
	Copied = "copied" // the source's bytes
	Cast   = "cast"   // the source's values in another dtype
	Seeded = "seeded" // computed by package seeding
)

// precise are the new tensors that stay F32: a few numbers per head or channel that
// pass through exp, softplus or sigmoid, where rounding to 8 bits shows.
var precise = []string{
	"mixer.A_log", "mixer.dt_bias", "mixer.log_rate", "mixer.sink_logits", "mixer.window_factors",
	"mixer.w_proj.1.bias", // of rwkv7, down to −6.5: a rounded one is off by 1.5% in its decay
}

// NewPlan decides how the model in modelDir becomes a student in outDir. It reads
// headers only and writes nothing; every reason to refuse but a weight that is no
// number is found here.
func NewPlan(modelDir, outDir string, o Options) (*Plan, error) {
	r, err := o.parse()
	if err != nil {
		return nil, err
	}
	if err := checkpoints.CheckOutput(outDir, o.Overwrite, modelDir); err != nil {
		return nil, err
	}
	folder, err := pretrained.Open(modelDir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // read only
	v, err := classify(folder)
	if err != nil {
		return nil, err
	}
	if err := v.report().Err(); err != nil {
		return nil, err
	}
	if err := r.suit(v.model, &o); err != nil {
		return nil, err
	}
	p := &Plan{
		Source: modelDir, Output: outDir, Family: v.model.Family, Options: o,
		Copied: notNil(folder.Files()), Dropped: notNil(v.ignored),
	}
	if p.Layers, err = r.place(v.model, o); err != nil {
		return nil, err
	}
	if err := p.fill(v, r.dtype); err != nil {
		return nil, err
	}
	return p, nil
}

// place decides what each layer gets.
func (r request) place(m *arch.Model, o Options) ([]Layer, error) {
	kept, err := r.keep.Layers(m.Layers)
	if err != nil {
		return nil, err
	}
	for _, x := range r.own {
		if err := x.fit(m.Layers, kept); err != nil {
			return nil, err
		}
	}
	var layers []Layer
	var done []string      // what is linear, and not kept
	var free, others []int // what is left to convert, and what is not
	for i, old := range m.Mixers {
		if !m.Convertible(i) || slices.Contains(kept, i) {
			others = append(others, i)
		} else {
			free = append(free, i)
		}
		switch mixer := r.of(i); {
		case slices.Contains(kept, i), m.Convertible(i) && mixer.Equal(old): // as a window that the teacher has, too
			layers = append(layers, Layer{Index: i, Mixer: old})
		case !m.Convertible(i):
			done = append(done, fmt.Sprintf("%d (%s)", i, old))
		default:
			if err := mixer.Check(m.At(i)); err != nil {
				return nil, err
			}
			layers = append(layers, Layer{i, mixer, cmp.Or(o.Seeding, seeding.DefaultMethod(mixer.Name))})
		}
	}
	if len(done) > 0 {
		return nil, r.keep.linearError(done, free, others)
	}
	if len(kept) < m.Layers && !slices.ContainsFunc(layers, func(l Layer) bool { return l.Seeding != "" }) {
		return nil, noConversion(o.Mixer, "it is what the layers have already")
	}
	return layers, nil
}

// Groups sums the output's tensors up by use and origin, in the order of the model.
func (p *Plan) Groups() []Group {
	var groups []Group
	for _, t := range p.Tensors {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.Name == t.Group && g.Origin == t.Origin() })
		if i < 0 {
			i = len(groups)
			groups = append(groups, Group{Count{Name: t.Group}, t.Origin()})
		}
		groups[i].add(int64(elements(t.Shape)), t.Bytes)
	}
	return groups
}

// Group sums up output tensors of one use and one origin.
type Group struct {
	Count

	Origin string
}

// fill lists the tensors of the output and everything that follows from them.
func (p *Plan) fill(v *inventory, as checkpoints.DType) error {
	var mixers []arch.Mixer
	for _, l := range p.Layers {
		mixers = append(mixers, l.Mixer)
	}
	dtype := as
	if as == "" {
		dtype = v.dtype(v.model.Attention(0) + ".o_proj.weight") // which every mixer ends in
	}
	config, err := studentConfig(v.folder.Config(), v.model, mixers, dtype)
	if err != nil {
		return err
	}
	p.Config = config.Bytes()
	student, err := arch.Describe(p.Config) // what every reader will make of it
	if err != nil {
		return fmt.Errorf("plan %s: %w", p.Output, err)
	}
	seeded, err := p.seeded(v.model)
	if err != nil {
		return err
	}
	var peak checkpoints.Memory
	wanted := map[string]bool{}
	for _, w := range student.Weights() {
		wanted[w.Name] = true
		t := v.tensor(w, seeded[w.Name], as)
		n := int64(elements(t.Shape))
		p.Tensors = append(p.Tensors, t)
		p.Parameters += n
		p.BytesOut += t.Bytes
		if t.From != Copied {
			peak.Compute(t.Bytes, n*int64(t.Was.Size())+4*n+t.Bytes) // as float32, then encoded
		}
		switch t.From {
		case Seeded:
			p.NewParameters += n
		case Cast:
			p.BytesIn += n * int64(t.Was.Size())
		default:
			p.BytesIn += t.Bytes
		}
	}
	p.PeakMemory = peak.Peak()
	for _, w := range v.weights {
		if !wanted[w.Name] { // a mixer has tensors of its own in its place
			p.Dropped = append(p.Dropped, w.Name)
		}
	}
	p.Memory = memory(student)
	p.Card = card(p, config)
	return nil
}

// seeded returns the tensors that seeding gives, by full name, with the method.
func (p *Plan) seeded(m *arch.Model) (map[string]string, error) {
	by := map[string]string{}
	for _, l := range p.Layers {
		if l.Seeding == "" {
			continue
		}
		tensors, err := seeding.Seed(l.Seeding, seeding.Layer{Model: m.At(l.Index), Index: l.Index, Mixer: l.Mixer})
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			by[m.Attention(l.Index)+"."+t.Name] = l.Seeding
		}
	}
	return by, nil
}

// tensor decides where an output tensor comes from and its dtype.
func (v *inventory) tensor(w arch.Weight, method string, as checkpoints.DType) Tensor {
	t := Tensor{Name: w.Name, Shape: w.Shape, Layer: w.Layer, Group: w.Group, From: Copied, By: method, DType: as}
	was := v.dtype(w.Name)
	if was == "" {
		was = v.dtype(v.model.Attention(w.Layer) + ".q_proj.weight")
	}
	if t.DType == "" {
		t.DType = was
	}
	if slices.ContainsFunc(precise, func(end string) bool { return strings.HasSuffix(w.Name, "."+end) }) {
		t.DType = checkpoints.F32
	}
	switch {
	case method != "":
		t.From = Seeded
	case t.DType != was:
		t.From, t.Was = Cast, was
	}
	t.Bytes = int64(elements(w.Shape)) * int64(t.DType.Size())
	return t
}

// dtype returns that of a tensor of the source, "" when it has none of this name.
func (v *inventory) dtype(name string) checkpoints.DType {
	info, _ := v.folder.Info(name)
	return info.DType
}

// Origin says in a word or two where the tensor comes from.
func (t Tensor) Origin() string {
	switch t.From {
	case Cast:
		return "cast from " + string(t.Was)
	case Seeded:
		return "seeded by " + t.By
	}
	return t.From
}

// files returns the paths of the files to copy.
func (p *Plan) files() []string {
	var paths []string
	for _, name := range p.Copied {
		paths = append(paths, filepath.Join(p.Source, name))
	}
	return paths
}

func elements(shape []int) int { return checkpoints.Info{Shape: shape}.Elements() }

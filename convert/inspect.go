package convert

import (
	"cmp"
	"context"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// Report says what a model folder holds.
type Report struct {
	Path      string `json:"path"`
	Family    string `json:"family"`     // of a student: its teacher's
	ModelType string `json:"model_type"` // "linearize" for a student
	Student   bool   `json:"student"`
	Sizes     Sizes  `json:"sizes"`

	Traits []arch.Trait `json:"traits"` // of the layers, in words
	Mixers []arch.Mixer `json:"mixers"` // one per layer

	// Sums over the model's own tensors, without the ignored ones.
	Tensors    int     `json:"tensors"`
	Parameters int64   `json:"parameters"`
	Bytes      int64   `json:"bytes"`
	Groups     []Count `json:"groups"` // by use: embedding, attention, mixer, norm, mlp, head
	DTypes     []Count `json:"dtypes"` // by dtype

	Memory   Memory   `json:"memory"`
	Ignored  []string `json:"ignored"`  // tensors that no model needs
	Problems []string `json:"problems"` // why it can be neither run nor converted; none when empty

	hint string // what to do about the problems
}

// Sizes are a model's dimensions, in elements.
type Sizes struct {
	Layers       int  `json:"layers"`
	Hidden       int  `json:"hidden"`
	FFN          int  `json:"ffn"`
	Heads        int  `json:"heads"`
	KVHeads      int  `json:"kv_heads"`
	HeadDim      int  `json:"head_dim"`
	Vocab        int  `json:"vocab"`
	MaxPositions int  `json:"max_positions"` // 0 when the config does not say
	Tied         bool `json:"tied"`
}

// Count sums up some of the tensors.
type Count struct {
	Name       string `json:"name"`
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// Memory is what one sequence carries from token to token, in bytes of F32, when
// Context tokens have been read.
type Memory struct {
	Context int   `json:"context"` // max_positions, or 4096 when the config does not say
	Softmax int64 `json:"softmax"` // with softmax in every layer: the KV cache
	State   int64 `json:"state"`   // with the mixers that stand there
}

// Inspect reads the headers of a model folder, of a teacher or of a student. What
// is wrong with its tensors is in the report; the error is for a folder that cannot
// be opened and for a config that describes no supported model.
func Inspect(dir string) (*Report, error) {
	return inspect(dir, func(*inventory) error { return nil })
}

// InspectValues does the same and reads the values of all tensors, too: one that holds
// NaN or an infinity is a problem. Progress, which may be nil, is called before each
// tensor and at the end with the bytes read.
func InspectValues(ctx context.Context, dir string, progress func(done, total int64)) (*Report, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return inspect(dir, func(v *inventory) error { return v.checkValues(ctx, progress) })
}

func inspect(dir string, look func(v *inventory) error) (*Report, error) {
	folder, err := pretrained.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // read only
	v, err := classify(folder)
	if err != nil {
		return nil, err
	}
	if err := look(v); err != nil {
		return nil, err
	}
	return v.report(), nil
}

func (v *inventory) checkValues(ctx context.Context, progress func(done, total int64)) error {
	var done, total int64
	for _, w := range v.weights {
		total += w.info.Bytes()
	}
	seen := map[string]bool{} // a tensor of the files may be several of the model's
	for _, w := range v.weights {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress(done, total)
		done += w.info.Bytes()
		if !slices.Contains(floats, w.info.DType) {
			continue // already a problem
		}
		if err := v.folder.CheckFinite(w.Name); err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			v.problem("%v", err)
		}
	}
	progress(total, total)
	return nil
}

// Err is nil when nothing is wrong with the model, else a [*ProblemsError].
func (r *Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return &ProblemsError{Path: r.Path, Problems: r.Problems, hint: r.hint}
}

// Layers lists the layers as they stand, for [Runs].
func (r *Report) Layers() []Layer {
	var layers []Layer
	for i, x := range r.Mixers {
		layers = append(layers, Layer{Index: i, Mixer: x})
	}
	return layers
}

func (v *inventory) report() *Report {
	m := v.model
	r := &Report{
		Path: v.folder.Dir(), Family: m.Family, ModelType: m.Name, Student: m.Name == arch.StudentType,
		Sizes:  Sizes{m.Layers, m.Hidden, m.FFN, m.Heads, m.KVHeads, m.HeadDim, m.Vocab, m.MaxPositions, m.Tied},
		Traits: m.Traits(), Mixers: m.Mixers, Memory: memory(m), Ignored: notNil(v.ignored), Problems: notNil(v.problems), hint: v.hint,
	}
	for _, w := range v.weights {
		n, size := int64(w.info.Elements()), w.info.Bytes()
		r.Tensors++
		r.Parameters += n
		r.Bytes += size
		r.Groups = count(r.Groups, w.Group, n, size)
		r.DTypes = count(r.DTypes, string(w.info.DType), n, size)
	}
	return r
}

func memory(m *arch.Model) Memory {
	c := Memory{Context: cmp.Or(m.MaxPositions, 4096)}
	for i, x := range m.Mixers {
		c.Softmax += m.Native(i).StateBytes(m, c.Context) // with the heads of attention, also where the family's own linear layer has others
		c.State += x.StateBytes(m.At(i), c.Context)
	}
	return c
}

// count adds one tensor to the entry of that name.
func count(counts []Count, name string, parameters, size int64) []Count {
	i := slices.IndexFunc(counts, func(c Count) bool { return c.Name == name })
	if i < 0 {
		i = len(counts)
		counts = append(counts, Count{Name: name})
	}
	counts[i].add(parameters, size)
	return counts
}

func (c *Count) add(parameters, size int64) {
	c.Tensors++
	c.Parameters += parameters
	c.Bytes += size
}

// notNil makes an empty list [] in JSON instead of null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

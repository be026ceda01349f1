package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// Adapter is an open PEFT folder.
type Adapter struct {
	Dir     string
	Base    string // what the folder says it was trained on; "" where it does not
	Modules []Low  // sorted by name

	file *checkpoints.File
}

// Low is the correction of one module, as the folder names it.
type Low struct {
	Name       string
	R, In, Out int
	Scale      float64

	a, b, own string // its tensors; own is a weight that comes along, or ""
}

// Open reads a PEFT folder and checks that it is plain LoRA and whole: what it cannot
// stand for is an error, as PEFT passes over some of it without a word.
func Open(dir string) (_ *Adapter, err error) {
	c, err := readConfig(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %s: %w", dir, configName, bare(err))
	}
	file, err := checkpoints.OpenFile(filepath.Join(dir, weightsName))
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	a := &Adapter{Dir: dir, Base: c.base, file: file}
	if a.Modules, err = modulesOf(file, c); err != nil {
		return nil, errors.Join(fmt.Errorf("adapter %s: %w", dir, err), file.Close())
	}
	return a, nil
}

// Close closes the folder.
func (a *Adapter) Close() error { return a.file.Close() }

// modulesOf puts the file's tensors together to corrections.
func modulesOf(file *checkpoints.File, c adapterConfig) ([]Low, error) {
	all := map[string]*Low{}
	for _, name := range file.Names() {
		module, part, err := splitName(name)
		if err != nil {
			return nil, err
		}
		x := all[module]
		if x == nil {
			x = &Low{Name: module}
			all[module] = x
		}
		slot := map[string]*string{"lora_A": &x.a, "lora_B": &x.b, "base_layer": &x.own}[part]
		if *slot != "" {
			return nil, fmt.Errorf("tensors %s and %s are the same one of module %s", *slot, name, module)
		}
		*slot = name
	}
	if len(all) == 0 {
		return nil, errors.New(weightsName + " is empty")
	}
	var list []Low
	for _, module := range slices.Sorted(maps.Keys(all)) {
		if err := all[module].check(file, c); err != nil {
			return nil, err
		}
		list = append(list, *all[module])
	}
	return list, nil
}

// parts are the ends of the tensors of a linear module; with "default" is how a
// state_dict in memory has them.
var parts = map[string]string{
	".lora_A.weight": "lora_A", ".lora_A.default.weight": "lora_A",
	".lora_B.weight": "lora_B", ".lora_B.default.weight": "lora_B",
	".base_layer.weight": "base_layer",
}

// splitName takes a tensor's name apart.
func splitName(name string) (module, part string, err error) {
	rest := strings.TrimPrefix(name, prefix)
	for end, part := range parts {
		if module, ok := strings.CutSuffix(rest, end); ok && module != "" {
			return module, part, nil
		}
	}
	why := "a trained parameter beside the corrections"
	switch {
	case strings.Contains(name, ".lora_embedding_"):
		why = "the correction of an embedding"
	case strings.Contains(name, ".lora_magnitude_vector"):
		why = "DoRA's scale of the rows"
	case strings.HasSuffix(name, ".bias"):
		why = "a trained bias"
	}
	return "", "", fmt.Errorf("tensor %s: this is %s, which is not supported; want lora_A and lora_B of linear modules", name, why)
}

// prefix stands before the name of each module.
const prefix = "base_model.model."

// check fills in sizes and scale.
func (x *Low) check(file *checkpoints.File, c adapterConfig) error {
	switch {
	case x.a == "":
		return fmt.Errorf("module %s has no lora_A.weight", x.Name)
	case x.b == "":
		return fmt.Errorf("module %s has no lora_B.weight", x.Name)
	case !c.targets(x.Name):
		return fmt.Errorf("module %s has tensors, and target_modules of %s does not name it: PEFT would leave them out", x.Name, configName)
	}
	a, _ := file.Info(x.a)
	b, _ := file.Info(x.b)
	r := int(of(c.rank, x.Name, float64(c.r)))
	if r < 1 {
		return fmt.Errorf("module %s: rank is %d, want >= 1", x.Name, r)
	}
	if len(a.Shape) != 2 || a.Shape[0] != r {
		return fmt.Errorf("tensor %s: shape %v, want [%d, in], for the rank is %d", x.a, a.Shape, r, r)
	}
	if len(b.Shape) != 2 || b.Shape[1] != r {
		return fmt.Errorf("tensor %s: shape %v, want [out, %d], for the rank is %d", x.b, b.Shape, r, r)
	}
	x.R, x.In, x.Out = r, a.Shape[1], b.Shape[0]
	x.Scale = scale(of(c.alphas, x.Name, c.alpha), r, c.root)
	return nil
}

// factors reads a correction.
func (a *Adapter) factors(x Low) (factors, error) {
	f := factors{r: x.R, in: x.In, out: x.Out, scale: x.Scale}
	var err error
	if f.a, err = a.values(x.a); err != nil {
		return f, err
	}
	f.b, err = a.values(x.b)
	return f, err
}

// values reads a tensor, all of whose elements have to be numbers.
func (a *Adapter) values(name string) ([]float32, error) {
	t, err := a.file.Tensor(name)
	if err != nil {
		return nil, err
	}
	data, err := t.Float32()
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", a.Dir, err)
	}
	if i := slices.IndexFunc(data, func(x float32) bool { return x-x != 0 }); i >= 0 {
		return nil, fmt.Errorf("adapter %s: tensor %s is %v at element %d", a.Dir, name, data[i], i)
	}
	return data, nil
}

// bare is an error without the path that is named before it.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

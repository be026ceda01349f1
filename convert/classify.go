package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// ignoredTensors are the ends of names that old checkpoints carry and no model
// needs: tables and masks that are computed anew.
var ignoredTensors = []string{
	".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias",
}

// floats are the dtypes that a weight may have.
var floats = []checkpoints.DType{checkpoints.F32, checkpoints.F16, checkpoints.BF16}

// inventory is a folder sorted by what its tensors are for.
type inventory struct {
	folder  *pretrained.Folder
	model   *arch.Model
	weights []weight // what the model has, in its order; only what is present
	ignored []string

	// problems lists all that is wrong: what the files hold in another form than asked
	// for first, then what the config asks for, in the order of the model, then what it
	// does not ask for, by name.
	problems []string
	hint     string // what to do about them; "": see the list
}

// weight is a tensor of the model and what the folder has for it.
type weight struct {
	arch.Weight

	info checkpoints.Info
}

// classify compares the tensors of a folder with those that its config asks for. It
// reads headers; data only of a head that should be tied.
func classify(folder *pretrained.Folder) (*inventory, error) {
	v := &inventory{folder: folder, model: folder.Model}
	known := map[string]bool{} // stored tensors that the model is made of
	for _, w := range v.model.Weights() {
		for _, p := range pretrained.Stored(w) {
			known[p.Tensor] = true
		}
	}
	var strange []string
	tied := ""
	for _, name := range folder.Names() {
		switch {
		case known[name]:
		case v.model.Tied && name == v.head():
			tied = name
		case ignored(name):
			v.ignored = append(v.ignored, name)
		default:
			strange = append(strange, name)
		}
	}
	packed, strange := v.quantized(known, strange)
	strange = v.towers(strange)
	v.checkWeights(packed)
	if tied != "" {
		if err := v.checkTied(); err != nil {
			return nil, err
		}
	}
	for _, name := range strange {
		v.problem("tensor %s is not part of a %s of this config", name, v.model.Family)
	}
	return v, nil
}

// checkWeights looks at what the files hold for each tensor of the model, but for
// modules whose weights are packed.
func (v *inventory) checkWeights(packed map[string]bool) {
	checked := map[string]bool{}
	for _, w := range v.model.Weights() {
		here := true
		for _, p := range pretrained.Stored(w) {
			if !checked[p.Tensor] && !packed[moduleOf(p.Tensor)] {
				v.check(p)
			}
			checked[p.Tensor] = true
			_, ok := v.folder.Folder.Info(p.Tensor)
			here = here && ok
		}
		if !here {
			continue
		}
		info, _ := v.folder.Info(w.Name)
		v.weights = append(v.weights, weight{w, info})
		for _, p := range w.Parts {
			if other, _ := v.folder.Folder.Info(p.Tensor); other.DType != info.DType {
				v.problem("tensor %s has dtype %s, want %s as %s has: both are part of %s", p.Tensor, other.DType, info.DType, w.Parts[0].Tensor, w.Name)
			}
		}
	}
}

// check looks at a tensor that the files should hold.
func (v *inventory) check(p arch.Part) {
	info, ok := v.folder.Folder.Info(p.Tensor)
	switch {
	case !ok && p.Tensor == v.head():
		v.problem("tensor %s is missing, want shape %v: tie_word_embeddings is false", p.Tensor, p.Shape)
		v.hint = "if the head is the embedding, set tie_word_embeddings to true in config.json"
	case !ok:
		v.problem("tensor %s is missing, want shape %v", p.Tensor, p.Shape)
	case !slices.Equal(info.Shape, p.Shape):
		v.problem("tensor %s has shape %v, want %v", p.Tensor, info.Shape, p.Shape)
	case !slices.Contains(floats, info.DType):
		v.problem("tensor %s has dtype %s, want F32, F16 or BF16", p.Tensor, info.DType)
	}
}

func (v *inventory) head() string { return v.model.Head() + ".weight" }

func (v *inventory) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

func ignored(name string) bool {
	return strings.HasPrefix(name, "mtp.") ||
		slices.ContainsFunc(ignoredTensors, func(end string) bool { return strings.HasSuffix(name, end) })
}

// checkTied looks at a head that the config says is the embedding. An equal one is
// left out of the output; another one would be a different model.
func (v *inventory) checkTied() error {
	head, err := v.folder.Tensor(v.head())
	if err != nil {
		return err
	}
	if _, ok := v.folder.Info(v.model.Embedding()); !ok {
		return nil // already a problem
	}
	embedding, err := v.folder.Tensor(v.model.Embedding())
	if err != nil {
		return err
	}
	same, err := head.Equal(embedding)
	if err != nil {
		return err
	}
	if !same {
		v.problem("tensor %s differs from %s, but config.json says tie_word_embeddings", head.Name, embedding.Name)
		return nil
	}
	v.ignored = append(v.ignored, head.Name)
	return nil
}

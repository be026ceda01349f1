package convert

import (
	"bytes"
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

	// problems lists all that is wrong: what the config asks for first, in the order
	// of the model, then what it does not ask for, by name.
	problems []string
}

// weight is a tensor of the model and what the folder has for it.
type weight struct {
	arch.Weight

	info checkpoints.Info
}

// classify compares the tensors of a folder with those that its config asks for. It
// reads headers; data only of a head that should be tied.
func classify(folder *pretrained.Folder) (*inventory, error) {
	model := folder.Model
	v := &inventory{folder: folder, model: model}
	known := map[string]bool{} // stored tensors, looked at once each
	for _, w := range model.Weights() {
		here := true
		for _, p := range pretrained.Stored(w) {
			if !known[p.Tensor] {
				v.check(p)
			}
			known[p.Tensor] = true
			_, ok := folder.Folder.Info(p.Tensor)
			here = here && ok
		}
		if here {
			info, _ := folder.Info(w.Name)
			v.weights = append(v.weights, weight{w, info})
		}
	}
	for _, name := range folder.Names() {
		switch {
		case known[name]:
		case model.Tied && name == model.Head()+".weight":
			if err := v.checkTied(); err != nil {
				return nil, err
			}
		case ignored(name):
			v.ignored = append(v.ignored, name)
		default:
			v.problem("tensor %s is not part of a %s of this config", name, model.Family)
		}
	}
	return v, nil
}

// check looks at a tensor that the files should hold.
func (v *inventory) check(p arch.Part) {
	info, ok := v.folder.Folder.Info(p.Tensor)
	switch {
	case !ok:
		v.problem("tensor %s is missing, want shape %v", p.Tensor, p.Shape)
	case !slices.Equal(info.Shape, p.Shape):
		v.problem("tensor %s has shape %v, want %v", p.Tensor, info.Shape, p.Shape)
	case !slices.Contains(floats, info.DType):
		v.problem("tensor %s has dtype %s, want F32, F16 or BF16", p.Tensor, info.DType)
	}
}

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
	head, err := v.folder.Tensor(v.model.Head() + ".weight")
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
	if head.DType != embedding.DType || !bytes.Equal(head.Data, embedding.Data) {
		v.problem("tensor %s differs from %s, but config.json says tie_word_embeddings", head.Name, embedding.Name)
		return nil
	}
	v.ignored = append(v.ignored, head.Name)
	return nil
}

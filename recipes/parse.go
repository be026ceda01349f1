package recipes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/typo"
)

// Load reads a recipe file and applies the assignments of --set to it. A recipe
// that is wrong is an [*Error].
func Load(path string, sets ...string) (*Recipe, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		err = fmt.Errorf("read recipe: %w", err)
		if name := strings.TrimSuffix(path, ".yaml"); errors.Is(err, fs.ErrNotExist) && slices.Contains(Builtin(), name) {
			err = advice.On(err, fmt.Sprintf("%s is built in: `linearize recipes cp %s` makes %s.yaml, for a teacher and text of yours", name, name, name))
		}
		return nil, err
	}
	return Parse(path, data, sets...)
}

// Parse decodes and checks a recipe. Each of sets is an assignment like
// "stages[0].steps=10" that replaces or adds a value before anything is judged.
//
// A syntax error ends the reading. Otherwise every problem is in the one
// [*Error]: unknown and duplicate keys, values of the wrong type, values out of
// range and keys that do not go together. File is named in messages and is what
// the recipe's paths are relative to; it is not opened.
func Parse(file string, data []byte, sets ...string) (*Recipe, error) {
	rp := &report{broken: map[string]bool{}}
	t := newTree(data, sets, rp)
	if t.values[""] == nil {
		return nil, rp.err(file)
	}
	r := decode(t, rp)
	r.File = file
	r.fill(t)
	check(r, t, rp)
	if err := rp.err(file); err != nil {
		return nil, err
	}
	return r, nil
}

// decode fills a recipe from the tree: built-in knobs, over them those of
// defaults, over both those of each stage.
func decode(t *tree, rp *report) *Recipe {
	strict := []yaml.Option{yaml.WithKnownFields(), yaml.WithUniqueKeys()}
	r := &Recipe{Defaults: builtin}
	if err := t.root.Load(r, strict...); err != nil {
		if _, all := errors.AsType[*yaml.LoadErrors](err); !all {
			rp.broken[""] = true // the decoder gave up: nothing after it can be judged
		}
		for _, e := range loadErrors(err) {
			rp.form(e)
		}
	}
	rp.empties("", t.root)
	r.Stages = nil
	if stages := t.values["stages"]; stages != nil && stages.Kind == yaml.SequenceNode {
		for _, n := range stages.Content {
			s := Stage{Knobs: r.Defaults}
			// The errors are those that the first decoding reported.
			_ = n.Load(&s, strict...)
			r.Stages = append(r.Stages, s)
		}
	}
	return r
}

// form reports an error of the decoder in the words of who writes recipes.
func (rp *report) form(e *yaml.LoadError) {
	t, at := rp.tree, [2]int{e.Mark.Line, e.Mark.Column}
	if rest, ok := strings.CutPrefix(e.Message, "field "); ok {
		if key, _, ok := strings.Cut(rest, " not found in type "); ok {
			rp.unknown(t.keys[at], key, at)
			return
		}
	}
	path, ok := t.paths[at]
	_, kind, typed := strings.Cut(e.Message, " into ")
	switch {
	case ok && typed && strings.HasPrefix(e.Message, "cannot construct "):
		rp.at(path, "is %s, want %s", show(t.values[path]), want(kind))
	case ok && errors.Is(e, errBetas):
		rp.at(path, "%v", errBetas)
	case t.keys[at] != "" && strings.HasPrefix(e.Message, "mapping key "):
		// The decoder gives up on the mapping, so nothing in it can be judged.
		key := t.keys[at]
		rp.broken[parent(key)] = true
		rp.add(at[0], at[1], "duplicate key "+strconv.Quote(strings.TrimPrefix(key, parent(key)+".")))
	default:
		rp.add(at[0], at[1], e.Message)
	}
}

var errBetas = errors.New("want a list of two numbers")

// UnmarshalYAML decodes a list of exactly two numbers. The decoder would stop at
// a list of another length, and leave the rest of the recipe unread.
func (b *Betas) UnmarshalYAML(n *yaml.Node) error {
	var list []float64
	if err := n.Load(&list); err != nil {
		return err
	}
	if len(list) != len(b) {
		return errBetas
	}
	copy(b[:], list)
	return nil
}

// UnmarshalYAML decodes a list of numbers, or one number.
func (p *Probabilities) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = Probabilities{0}
		return n.Load(&(*p)[0])
	}
	var list []float64
	err := n.Load(&list)
	*p = list
	return err
}

// unknown reports a key that the schema does not have at this place. The key
// that was probably meant then does not count as missing.
func (rp *report) unknown(path, key string, at [2]int) {
	rp.broken[path] = true
	message := fmt.Sprintf("unknown key %q", key)
	known := keysAt(parent(path))
	near := typo.Nearest(key, known)
	n := rp.tree.values[path]
	switch {
	case n != nil && n.ShortTag() == "!!null" && n.Value == "":
		message += "; a value with a comma needs quotes inside { }"
	case near != "":
		message += fmt.Sprintf("; did you mean %q?", near)
		rp.broken[join(parent(path), near)] = true
	case slices.Contains(ofMachine, path):
		message += "; it is of the machine and not of the recipe: linearize distill --" + key
	default:
		message += "; there are " + strings.Join(known, ", ")
	}
	rp.add(at[0], at[1], message)
}

// empties reports keys without a value: YAML reads them as null, and the decoder
// would take null as not given.
func (rp *report) empties(path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			rp.empties(join(path, n.Content[i].Value), n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			rp.empties(fmt.Sprintf("%s[%d]", path, i), c)
		}
	default:
		if n.ShortTag() != "!!null" {
			return
		}
		if strings.HasPrefix(path, "student.layer_mixers.") && n.Value == "" {
			rp.at(path, "has no value; a value with a comma needs quotes inside { }")
			return
		}
		rp.at(path, "has no value; give one or leave the key out")
	}
}

// fill puts in the defaults that depend on the rest of the recipe.
func (r *Recipe) fill(t *tree) {
	if r.Student.Folder == "" && r.Student.Keep == "" {
		r.Student.Keep = "none"
	}
	if r.OutputDir == "" {
		name := filepath.Base(r.File)
		r.OutputDir = "runs/" + strings.TrimSuffix(name, filepath.Ext(name))
	}
	if r.Keep != nil && !t.given("keep.last") {
		r.Keep.Last = 1
	}
	for i := range r.Stages {
		s, at := &r.Stages[i], fmt.Sprintf("stages[%d].", i)
		k := kinds[s.Kind]
		for _, part := range lossParts {
			v := part.value(&s.Loss)
			other := slices.ContainsFunc(instead[part.key], func(key string) bool { return t.given(at + "loss." + key) })
			if k.loss[part.key] != 0 && !other && !t.given(at+"loss."+part.key) {
				*v = k.loss[part.key]
			}
		}
		if k.target && s.Loss.outputs() && !t.given(at+"loss.target") {
			s.Loss.Target = "pre_o"
		}
		s.fillSchedule(at, t)
		if s.LoRA != nil && !t.given(at+"lora.alpha") {
			s.LoRA.Alpha = 2 * float64(s.LoRA.R)
		}
		if s.LoRA != nil && !t.given(at+"lora.targets") {
			s.LoRA.Targets = []string{"attention"}
		}
		if s.LoRA != nil && !t.given(at+"lora.save") {
			s.LoRA.Save = saves[0]
		}
	}
}

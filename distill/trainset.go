package distill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/lora"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// rateGroups are the groups with a learning rate of their own, in the order in
// which a step takes them.
var rateGroups = []string{"new", "attention", "rest"}

// Trainable is one tensor that a stage trains.
type Trainable struct {
	Name  string
	Shape []int
	Group string // "new", "attention" or "rest"
	Decay bool   // weight decay applies: matrices, not vectors
}

// Group is one row of the table that a stage prints before it starts.
type Group struct {
	Name       string  `json:"group"`
	Parameters int64   `json:"parameters"`
	Trained    bool    `json:"trained"`
	Rate       float64 `json:"learning_rate,omitempty"`
	From       string  `json:"from"` // where the values come from when the stage starts
}

// trainSet lists what a stage trains and, for LoRA, the modules it adapts.
func trainSet(m *arch.Model, s recipes.Stage) ([]Trainable, []lora.Module, error) {
	if s.Train == "lora" {
		return adapters(m, s)
	}
	var set []Trainable
	for _, w := range m.Weights() {
		if trains(s.Train, m, w) {
			set = append(set, Trainable{w.Name, w.Shape, rateGroup(m, w), len(w.Shape) > 1})
		}
	}
	if len(set) == 0 {
		why := "every layer of the student is as the teacher's"
		if m.Linear() {
			why = "the student's mixers add none; new+qkv trains what they inherit"
		}
		return nil, nil, &emptyError{s.Name, s.Train, why}
	}
	return set, nil, nil
}

// emptyError reports a stage that trains nothing.
type emptyError struct{ stage, train, why string }

func (e *emptyError) Error() string {
	return fmt.Sprintf("stage %s: train: %s matches no tensor: %s", e.stage, e.train, e.why)
}

// addNone says of a student's mixers, each once, that none of them adds a tensor.
func addNone(m *arch.Model) string {
	var names []string
	for i, x := range m.Mixers {
		if m.Converted(i) && !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	if len(names) == 1 {
		return names[0] + " adds no tensors"
	}
	return strings.Join(names, " and ") + " add no tensors"
}

// adapters lists the low-rank tensors of a stage, and the modules that they are of.
func adapters(m *arch.Model, s recipes.Stage) ([]Trainable, []lora.Module, error) {
	l := *s.LoRA
	modules, err := loraConfig(l).Match(m)
	if err != nil {
		return nil, nil, err
	}
	if s.Kind == "align" {
		if modules, err = compared(s, modules); err != nil {
			return nil, nil, err
		}
	}
	var set []Trainable
	for _, x := range modules {
		group := "rest"
		if x.Group == "attention" {
			group = "attention"
		}
		set = append(set,
			Trainable{x.Name + nn.LoRAA, []int{l.R, x.In}, group, true},
			Trainable{x.Name + nn.LoRAB, []int{x.Out, l.R}, group, true})
	}
	return set, modules, nil
}

// compared leaves the modules that lead to what an alignment compares: the others would
// learn nothing. A target that names none of those is refused.
func compared(s recipes.Stage, modules []lora.Module) ([]lora.Module, error) {
	behind := func(x lora.Module) bool {
		return x.Group != lora.Attention || s.Loss.Target != "post_o" && strings.HasSuffix(x.Name, ".o_proj")
	}
	for _, target := range s.LoRA.Targets {
		named := func(x lora.Module) bool { return strings.HasSuffix("."+x.Name, "."+target) }
		if i := slices.IndexFunc(modules, named); i >= 0 && behind(modules[i]) {
			why := "an alignment compares outputs of attention, which come before it"
			if modules[i].Group == lora.Attention {
				why = "the loss compares what comes before it, want loss.target: post_o"
			}
			return nil, &refusal{fmt.Errorf("stage %s: lora target %q: %s", s.Name, target, why)}
		}
	}
	return slices.DeleteFunc(modules, behind), nil
}

// trains reports whether a train set of the recipe has a tensor.
func trains(train string, m *arch.Model, w arch.Weight) bool {
	if train == "all" {
		return true
	}
	if w.Layer < 0 || !m.Converted(w.Layer) {
		return false
	}
	switch w.Group {
	case "mixer":
		return true
	case "attention":
		output := strings.HasPrefix(strings.TrimPrefix(w.Name, m.Attention(w.Layer)+"."), "o_proj")
		return train == "mixers" || train == "new+qkvo" || train == "new+qkv" && !output
	}
	return false
}

// rateGroup is which of rateGroups a tensor of the model is in.
func rateGroup(m *arch.Model, w arch.Weight) string {
	switch {
	case w.Layer < 0 || !m.Converted(w.Layer):
		return "rest"
	case w.Group == "mixer":
		return "new"
	case w.Group == "attention":
		return "attention"
	default:
		return "rest"
	}
}

// groups makes the table of a stage. Origin says where a tensor's values come
// from before any stage; earlier names the last stage that trained each tensor.
func groups(m *arch.Model, s recipes.Stage, set []Trainable, origin, earlier map[string]string) []Group {
	trained := map[string]bool{}
	for _, t := range set {
		trained[t.Name] = true
	}
	var rows []Group
	add := func(g Group, n int64) {
		i := slices.IndexFunc(rows, func(r Group) bool { return r.Name == g.Name && r.Trained == g.Trained && r.From == g.From })
		if i < 0 {
			rows, i = append(rows, g), len(rows)
		}
		rows[i].Parameters += n
	}
	for _, w := range m.Weights() {
		g := Group{Name: label(m, w), Trained: trained[w.Name], From: origin[w.Name]}
		if stage, ok := earlier[w.Name]; ok {
			g.From = "stage " + stage
		}
		if g.Trained {
			g.Rate = s.Rate(rateGroup(m, w))
		}
		add(g, elements(w.Shape))
	}
	if s.Train == "lora" {
		for _, t := range set {
			add(Group{Name: "lora on " + t.Group, Trained: true, Rate: s.Rate(t.Group), From: "A uniform, B zero"}, elements(t.Shape))
		}
	}
	return rows
}

// label is what the table calls a tensor's group.
func label(m *arch.Model, w arch.Weight) string {
	switch {
	case w.Group == "mixer":
		return m.Mixers[w.Layer].Name
	case w.Group != "attention":
		return w.Group
	case m.Convertible(w.Layer):
		return "softmax q k v o"
	case strings.Contains(strings.TrimPrefix(w.Name, m.Attention(w.Layer)), "o_proj"):
		return "linear o"
	}
	return "linear q k v"
}

func elements(shape []int) int64 { return int64(checkpoints.Info{Shape: shape}.Elements()) }

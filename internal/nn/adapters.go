package nn

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Suffixes of an adapter's tensors, as PEFT names them.
const (
	LoRAA = ".lora_A.weight"
	LoRAB = ".lora_B.weight"
)

// Adapt declares that a linear module has an adapter, in the tensors module +
// ".lora_A.weight" and ".lora_B.weight", applied with the given scale.
func (p *Params) Adapt(module string, scale float64) { p.adapters[module] = adapter{scale: scale} }

// DropInput gives a module's adapter dropout of its input, in [Net.ForTraining]. Salt
// tells its masks from those of other modules and runs. The masks are those of the
// last [Params.Redraw].
func (p *Params) DropInput(module string, rate float64, salt uint64) error {
	a, ok := p.adapters[module]
	if !ok {
		return fmt.Errorf("dropout of %s: the module has no adapter", module)
	}
	a.dropout, a.salt = rate, salt
	p.adapters[module] = a
	if rate == 0 || p.store.GetVariable(p.keyPath()) != nil {
		return nil
	}
	v, err := p.store.CreateVariable(p.keyPath(), tensors.FromValue(ops.DropoutKey(0, 0)))
	if err != nil {
		return fmt.Errorf("dropout of %s: %w", module, err)
	}
	v.SetTrainable(false)
	return nil
}

// Redraw gives every dropout the masks of a micro-batch, which follow from its step
// and its number in that alone.
func (p *Params) Redraw(step, part int) error {
	v := p.store.GetVariable(p.keyPath())
	if v == nil {
		return nil // nothing is dropped
	}
	return v.SetValue(tensors.FromValue(ops.DropoutKey(step, part)))
}

// Drop removes a module's adapter and its tensors.
func (p *Params) Drop(module string) error {
	delete(p.adapters, module)
	for _, name := range []string{module + LoRAA, module + LoRAB} {
		if err := p.store.DeleteVariable(p.path(name)); err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		p.names = slices.DeleteFunc(p.names, func(n string) bool { return n == name })
	}
	return nil
}

// Adapter returns the adapter of a module, if it has one.
func (p *Params) Adapter(g *Graph, module string) (ops.Adapter, bool) {
	a, ok := p.adapters[module]
	if !ok {
		return ops.Adapter{}, false
	}
	return ops.Adapter{A: p.Weight(g, module+LoRAA), B: p.Weight(g, module+LoRAB), Scale: a.scale}, true
}

// ForTraining is the net as a step of training builds it: mixers in the form that is
// trained, adapters with their dropout.
func (n Net) ForTraining() Net {
	n.Training = true
	if p, ok := n.Weights.(*Params); ok {
		n.Weights = dropping{p}
	}
	return n
}

// dropping are parameters whose adapters drop some of their input.
type dropping struct{ *Params }

var _ ops.Adapted = dropping{}

func (d dropping) Adapter(g *Graph, module string) (ops.Adapter, bool) {
	low, ok := d.Params.Adapter(g, module)
	if a := d.adapters[module]; a.dropout > 0 {
		key := d.store.GetVariable(d.keyPath()).NodeValue(g)
		low.Drop = func(x *Node) *Node { return ops.Dropout(x, a.dropout, key, a.salt) }
	}
	return low, ok
}

// keyPath names the variable of the present masks' key; it is no tensor of the model.
func (p *Params) keyPath() string { return "/dropout/" + p.scope }

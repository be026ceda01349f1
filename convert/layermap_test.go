package convert_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// specs lists the mixers of a model's layers.
func specs(m *arch.Model) []string {
	var all []string
	for _, x := range m.Mixers {
		all = append(all, x.String())
	}
	return all
}

// TestLayerMixers gives layers mixers of their own: the student has them, each
// seeded in its own way, and the projections that one replaces are gone.
func TestLayerMixers(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{Layers: 6, QKVBias: true})
	o := convert.Options{
		Mixer: "mamba2", Keep: "layers:5",
		LayerMixers: []convert.LayerMixer{
			{Layers: "1, 3", Mixer: "hedgehog,window=4,affine=false"},
			{Layers: "2-2", Mixer: "mamba2,groups=1"},
			{Layers: "4", Mixer: "softmax,window=8,sinks=2,sink_logit"},
		},
	}
	p, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "student"), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	files := contents(t, p.Output)
	student, err := arch.Describe(files["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"mamba2", "hedgehog,window=4", "mamba2,groups=1", "hedgehog,window=4",
		"softmax,window=8,sinks=2,sink_logit=true", "softmax",
	}
	if diff := cmp.Diff(want, specs(student)); diff != "" {
		t.Errorf("mixers (-want +got):\n%s", diff)
	}
	var by []string
	for _, l := range p.Layers {
		by = append(by, l.Seeding)
	}
	if diff := cmp.Diff([]string{"mmmamba", "lolcats", "mmmamba", "lolcats", "teacher", ""}, by); diff != "" {
		t.Errorf("seeding (-want +got):\n%s", diff)
	}
	var gone []string
	for _, name := range []string{"q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias"} {
		gone = append(gone, "model.layers.2.self_attn."+name)
	}
	if diff := cmp.Diff(gone, p.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	r, err := convert.Inspect(p.Output)
	if err != nil || r.Err() != nil || r.Tensors != len(p.Tensors) {
		t.Errorf("Inspect() = %v, %v, %d tensors; want %d", err, r.Err(), r.Tensors, len(p.Tensors))
	}
	for _, text := range []string{`"layers": "1,3",`, `"mixer": "hedgehog,window=4"`} {
		if !strings.Contains(string(files["linearize.json"]), text) {
			t.Errorf("linearize.json lacks %s", text)
		}
	}
	card := string(files["README.md"])
	for _, text := range []string{"| 2 | `mamba2,groups=1` | seeded by mmmamba |", "5 of 6 layers", "4 tensors of the source", "hedgehog, softmax, hybrid]"} {
		if !strings.Contains(card, text) {
			t.Errorf("the card lacks %q:\n%s", text, card)
		}
	}
	if o.LayerMixers[1].Layers != "2-2" {
		t.Error("NewPlan() changed the options that it was given")
	}
}

func TestParseLayerMixer(t *testing.T) {
	got, err := convert.ParseLayerMixer("1,3-5=hedgehog,window=16")
	if want := (convert.LayerMixer{Layers: "1,3-5", Mixer: "hedgehog,window=16"}); err != nil || got != want {
		t.Errorf("ParseLayerMixer() = %v, %v, want %v", got, err, want)
	}
	if _, err := convert.ParseLayerMixer("hedgehog"); err == nil || err.Error() != `layer-mixer "hedgehog": there is no =` {
		t.Errorf("ParseLayerMixer() = %v", err)
	}
}

func TestLayerMixerRefusals(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{Layers: 4})
	for _, tt := range []struct {
		name, keep, seeding string
		entries             []string
		want                string
	}{
		{"a layer twice", "", "", []string{"1=hedgehog", "0-2=mamba2,conv=4"}, `layer-mixer "0-2=mamba2,conv=4": layer 1 has a mixer of its own already`},
		{"twice in one", "", "", []string{"1,1=hedgehog"}, `layer-mixer "1,1=hedgehog": layer 1 is named twice`},
		{"out of range", "", "", []string{"2-4=hedgehog"}, `layer-mixer "2-4=hedgehog": no layer 4: the model has layers 0 to 3`},
		{"kept", "every:2", "", []string{"1-3=hedgehog"}, `layer-mixer "1-3=hedgehog": also kept: layer 2`},
		{"no layers", "", "", []string{"=hedgehog"}, `layer-mixer "=hedgehog": got "", want the number of a layer`},
		{"no mixer", "", "", []string{"1="}, `mixer "": there is no such mixer`},
		{"the teacher's", "", "", []string{"1=softmax"}, `mixer "softmax": softmax over all keys is what a conversion replaces`},
		{"an option", "", "", []string{"1=mamba2,conv=-1"}, `mixer "mamba2,conv=-1": conv is "-1"`},
		{"sizes", "", "", []string{"1=mamba2,groups=3"}, "groups is 3, want a divisor of the 4 heads"},
		{"seeding", "", "mmmamba", []string{"1=hedgehog"}, `seeding "mmmamba": does not fit mixer hedgehog`},
	} {
		o := convert.Options{Mixer: "mamba2", Keep: tt.keep, Seeding: tt.seeding}
		for _, spec := range tt.entries {
			x, err := convert.ParseLayerMixer(spec)
			if err != nil {
				t.Fatal(err)
			}
			o.LayerMixers = append(o.LayerMixers, x)
		}
		_, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "out"), o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %s", tt.name, err, tt.want)
		}
		if e, ok := errors.AsType[*convert.LayerMixerError](err); ok && !strings.Contains(e.Hint(), "LAYERS=MIXER") {
			t.Errorf("%s: the hint is %q", tt.name, e.Hint())
		}
	}
}

// TestSoftmaxWithWindow: a baseline of linear cost needs no new tensors, and keeps
// the teacher's.
func TestSoftmaxWithWindow(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{})
	out := convertTo(t, model, convert.Options{Mixer: "softmax,window=64,sinks=4"})
	if want, got := open(t, model).Names(), open(t, out).Names(); !slices.Equal(want, got) {
		t.Errorf("got tensors %v, want %v", got, want)
	}
	r, err := convert.Inspect(out)
	if err != nil || r.Memory.State >= r.Memory.Softmax {
		t.Errorf("Inspect() = %+v, %v, want a state below that of softmax", r, err)
	}
}

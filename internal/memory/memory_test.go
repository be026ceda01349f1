package memory

import (
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

func TestBucket(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 3: 3, 4: 4, 5: 6, 6: 6, 7: 8, 8: 8, 576 * 4: 3072, 1 << 40: 1 << 40, 1<<40 + 1: 3 << 39} {
		if got := bucket(n); got != want {
			t.Errorf("bucket(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestPartTokens(t *testing.T) {
	for _, tt := range []struct{ batch, tokens, vocab, want int }{
		{8, 256, 512, 4096},   // stories: all of them
		{1, 512, 49152, 341},  // two parts
		{8, 4096, 128256, 64}, // no more than 64 parts
		{64, 4, 1 << 20, 1},
	} {
		if got := PartTokens(tt.batch, tt.tokens, tt.vocab); got != tt.want {
			t.Errorf("%d×%d tokens of %d: a part is %d tokens of each row, want %d", tt.batch, tt.tokens, tt.vocab, got, tt.want)
		}
	}
}

// Every mixer has figures.
func TestMixers(t *testing.T) {
	for _, name := range arch.Mixers() {
		if x, ok := keptByMixer[name]; !ok || x.queries <= 0 {
			t.Errorf("%s: what it keeps is not known", name)
		}
		if x, ok := xlaMixers[name]; !ok || x.queries <= 0 || x.atOnce <= 0 || x.code <= 0 {
			t.Errorf("%s: what it keeps on XLA is not known", name)
		}
	}
}

func model(t *testing.T, mixer string) *arch.Model {
	t.Helper()
	m, err := arch.Describe([]byte(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 128,
		"num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 512, "rms_norm_eps": 1e-5}`))
	if err != nil {
		t.Fatal(err)
	}
	x, err := arch.ParseMixer(mixer)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = m.WithMixers([]arch.Mixer{x, x, x, x}); err != nil {
		t.Fatal(err)
	}
	return m
}

// stage trains everything.
func stage(t *testing.T, mixer string) Stage {
	t.Helper()
	s := Stage{
		Teacher: model(t, arch.Softmax), Student: model(t, mixer), Batch: 2, Tokens: 256,
		Loss: Loss{Teacher: true, Terms: 1},
	}
	for _, w := range s.Student.Weights() {
		s.Trained = append(s.Trained, elements(w.Shape))
	}
	return s
}

// Devices of xla:cpu have the weights each, in one memory, and share the rows; those of
// xla:cuda have memories of their own.
func TestDevices(t *testing.T) {
	of := func(engine Engine, devices, batch int) Estimate {
		s := stage(t, "lightning")
		s.Engine, s.Devices, s.Batch = engine, devices, batch
		return s.Estimate()
	}
	one, four := of(CPU, 1, 1), of(CPU, 4, 4)
	s := stage(t, "lightning")
	s.Engine = CPU
	frozen := s.models() - s.gradients(s.Trained)
	if want := 4*one.Weights + frozen; four.Weights != want {
		t.Errorf("weights of four devices: %d, want %d", four.Weights, want)
	}
	if four.Optimizer != 4*one.Optimizer || four.Work != 4*one.Work {
		t.Errorf("four devices with 4 rows: %+v, want four times %+v", four, one)
	}
	if want := 4*(one.Weights+one.Optimizer+one.Work) + frozen; four.Total < want {
		t.Errorf("four devices with 4 rows take %d, want %d at least", four.Total, want)
	}
	s.Devices, s.Trained = 4, s.Trained[:1]
	free := s.spread()
	s.Loss = Loss{Align: true, Outputs: true}
	if aligned := s.spread(); aligned >= free {
		t.Errorf("weights of four devices that align: %d, want less than %d, which have all of the student's", aligned, free)
	}
	if got, want := of(CUDA, 4, 4).Total, of(CUDA, 1, 1).Total; got != want {
		t.Errorf("a device of four with 4 rows has %d, want the %d of one with 1", got, want)
	}
	if of(CPU, 0, 2) != of(CPU, 1, 2) {
		t.Error("no number of devices is not one")
	}
}

// What makes a stage larger makes its estimate larger.
func TestGrows(t *testing.T) {
	for _, e := range []Engine{Go, CPU, CUDA} {
		t.Run(string(e), func(t *testing.T) { testGrows(t, e) })
	}
}

func testGrows(t *testing.T, engine Engine) {
	t.Helper()
	first := stage(t, "hedgehog")
	first.Engine = engine
	base := first.Estimate()
	if base.Total < base.used() || base.Heap <= 0 || engine == Go && (base.Total <= base.Heap || base.Heap <= base.used()) {
		t.Fatalf("estimate %+v does not add up", base)
	}
	if sum := base.used() + base.Waiting + base.Mapped + base.Compiler + base.Program; sum != base.Total {
		t.Errorf("the parts of %+v sum to %d", base, sum)
	}
	for name, more := range map[string]func(*Stage){
		"batch":     func(s *Stage) { s.Batch *= 2 },
		"tokens":    func(s *Stage) { s.Tokens *= 2 },
		"sums":      func(s *Stage) { s.Accumulates = true },
		"eval":      func(s *Stage) { s.Eval = 128 },
		"recurrent": func(s *Stage) { s.Student = model(t, "rwkv7") },
		"softmax":   func(s *Stage) { s.Student, s.Tokens = model(t, arch.Softmax), 1024 },
	} {
		s := stage(t, "hedgehog")
		s.Engine = engine
		more(&s)
		got := s.Estimate()
		if got.Total <= base.Total {
			t.Errorf("%s: %d, want more than the %d without", name, got.Total, base.Total)
		}
	}
	for name, more := range map[string]func(*Stage){
		"terms": func(s *Stage) { s.Loss.Terms++ },
		"text":  func(s *Stage) { s.Text = 1 << 20 },
		"files": func(s *Stage) { s.Files = 1 << 30 },
	} {
		s := stage(t, "hedgehog")
		s.Engine = engine
		more(&s)
		got := s.Estimate()
		on := map[string][]Engine{"terms": {Go}, "text": {Go, CPU}, "files": {Go, CPU}}[name]
		if grows := got.Total > base.Total; grows != slices.Contains(on, engine) {
			t.Errorf("%s: %d, and %d without", name, got.Total, base.Total)
		}
	}
	less := stage(t, "hedgehog")
	less.Engine, less.First = engine, 3
	if got := less.Estimate(); got.Total >= base.Total {
		t.Errorf("the last layer alone: %d, want less than %d", got.Total, base.Total)
	}
}

// A layerwise alignment does not depend on how many layers there are.
func TestLayerwise(t *testing.T) {
	for _, e := range []Engine{Go, CPU} {
		t.Run(string(e), func(t *testing.T) { testLayerwise(t, e) })
	}
}

// On engine go a layer has the moments of what of it is trained. Sums of gradients are given
// by a step as moments are, on XLA.
func TestLayerwiseTrains(t *testing.T) {
	s := stage(t, "mamba2")
	s.Loss, s.Layers = Loss{Align: true, Outputs: true, Teacher: true}, []int{0, 1}
	all := s.Estimate()
	s.Single = [][]int64{{4096, 64}, {4096, 64}}
	some := s.Estimate()
	if some.Optimizer != 2*4*(4096+64) || all.Optimizer <= some.Optimizer || some.Mapped != 0 {
		t.Errorf("two small tensors of each layer: %+v, all: %+v", some, all)
	}
	s.Engine = CPU
	one := s.Estimate()
	s.Accumulates = true
	_, trained := s.mixerOf(0)
	if got, want := s.Estimate().used()-one.used(), 2*s.gradients(trained); got < want*9/10 || got > want {
		t.Errorf("sums of gradients take %d more on XLA, want about %d", got, want)
	}
}

// On XLA all that is trained is there once more while a step runs, and arrays lie in what
// that step gives as far as they fit.
func TestReplaced(t *testing.T) {
	s := stage(t, "hedgehog")
	s.Engine = CPU
	all := s.Estimate()
	s.Trained, s.First = s.Trained[len(s.Trained)-1:], s.Student.Layers
	one := s.Estimate()
	if less := all.used() - one.used(); less < 4*4*elementsOf(s.Student.Weights()) {
		t.Errorf("training everything takes %d more, want moments and all of it again", less)
	}
	work := func() []arrays { return []arrays{{2, 100}, {3, 40}} }
	for want, trained := range map[int64][]int64{320: nil, 220: {10}, 100: {25}, 0: {10, 25}} {
		if got := unplaced(work(), trained); got != want {
			t.Errorf("unplaced beside %v: %d, want %d", trained, got, want)
		}
	}
}

func testLayerwise(t *testing.T, engine Engine) {
	t.Helper()
	s := stage(t, "mamba2")
	s.Engine = engine
	s.Loss, s.Trained = Loss{Align: true, Outputs: true, Teacher: true}, nil
	joint := s.Estimate()
	of := func(layers ...int) Estimate {
		s.Layers, s.Single, s.Trained = layers, nil, nil
		for range layers {
			s.Single, s.Trained = append(s.Single, []int64{1 << 20}), append(s.Trained, 1<<20)
		}
		return s.Estimate()
	}
	one := of(0)
	if all := of(0, 1, 2, 3); all != one || all.Total >= joint.Total {
		t.Errorf("one layer %+v, four %+v, at once %+v", one, all, joint)
	}
	s.Eval = 8 // which has both models
	if got := s.Estimate(); got.Weights != joint.Weights {
		t.Errorf("with an evaluation there are %d of weights, want %d", got.Weights, joint.Weights)
	}
}

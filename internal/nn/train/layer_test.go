package train_test

import (
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// A block serves one layer after the other with each one's own tensors, and layers
// that are built in another way not at all.
func TestBlock(t *testing.T) {
	folder, err := pretrained.Open(testmodel.Llama(t, testmodel.Options{Layers: 3, DType: checkpoints.BF16}))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	m, backend := folder.Model, enginetest.Open(t)
	x := make([]float32, 2*5*m.Hidden)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	fresh := func(i int) *train.Block {
		b, err := train.NewBlock(backend, m.Single(i), nn.PostO)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b
	}
	run := func(b *train.Block, i int) (mixed, next []float32) {
		if err := b.Params().LoadLayer(m, i, nil, folder.Float32); err != nil {
			t.Fatal(err)
		}
		mixed, next, err := b.Run(x, 2, 5)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Params().Release(); err != nil {
			t.Fatal(err)
		}
		return mixed, next
	}
	shared := fresh(0)
	var before []float32
	for i := range m.Layers {
		if !shared.Serves(m.Single(i)) {
			t.Fatalf("a block does not serve layer %d, which is built alike", i)
		}
		mixed, next := run(shared, i)
		wantMixed, wantNext := run(fresh(i), i)
		if !slices.Equal(mixed, wantMixed) || !slices.Equal(next, wantNext) {
			t.Errorf("layer %d: a block that has served others gives something else", i)
		}
		if slices.Equal(next, before) || len(mixed) != len(x) || len(next) != len(x) {
			t.Errorf("layer %d: is the layer before, or of another size", i)
		}
		before = next
	}
	if builds := shared.Builds(); builds != 1 {
		t.Errorf("the graph was built %d times for %d layers", builds, m.Layers)
	}
	other := m.Single(0)
	other.NormEps *= 2
	if shared.Serves(other) {
		t.Error("a block serves a layer with another eps")
	}
}

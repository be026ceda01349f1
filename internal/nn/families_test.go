package nn_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// familyNoise is what fp32 may lose: transformers itself is within 5e-5 of float64 on
// these checkpoints, and a wrong switch moves their logits by more than 1e-2.
const familyNoise = 1e-4

// TestFamilies runs the golden checkpoint of each family, as a folder that a user
// would name, and compares logits and what each layer's attention gives with what
// transformers gave; then logits of one token after the other.
func TestFamilies(t *testing.T) {
	for _, name := range testdata.Families(t) {
		t.Run(name, func(t *testing.T) {
			dir := testdata.Family(t, name)
			net, store := nntest.Load(t, dir)
			runs, err := filepath.Glob(filepath.Join(dir, "golden*.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range runs {
				want := readFamilyRun(t, path, net.Model.Layers)
				want.compareForward(t, net, store)
				want.compareSteps(t, net, store)
			}
		})
	}
}

// TestExportGoldens reads back students in the classes that others run: hybrids whose
// linear layers are our mamba2 and gated-delta, token by token too.
func TestExportGoldens(t *testing.T) {
	for _, name := range []string{"granite-hybrid-tiny", "qwen35-tiny"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(testdata.Shared(t, "export-goldens"), name)
			net, store := nntest.Load(t, dir)
			want := readFamilyRun(t, filepath.Join(dir, "logits.safetensors"), 0)
			want.compareForward(t, net, store)
			want.compareSteps(t, net, store)
		})
	}
}

// familyRun is what transformers gave for some tokens.
type familyRun struct {
	name      string
	batch     [][]int
	logits    []float32   // [B, T, V]
	attention [][]float32 // of the first layers, [B, T, E]
}

func readFamilyRun(t *testing.T, path string, layers int) familyRun {
	t.Helper()
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tensor := func(name string) checkpoints.Tensor {
		x, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	floats := func(name string) []float32 {
		data, err := tensor(name).Float32()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	run := familyRun{name: filepath.Base(path), logits: floats("logits")}
	for i := range layers {
		run.attention = append(run.attention, floats("attention."+strconv.Itoa(i)))
	}
	ids := tensor("ids")
	flat, err := ids.Int64()
	if err != nil {
		t.Fatal(err)
	}
	for row := range slices.Chunk(flat, ids.Shape[1]) {
		var sequence []int
		for _, id := range row {
			sequence = append(sequence, int(id))
		}
		run.batch = append(run.batch, sequence)
	}
	return run
}

func (r familyRun) compare(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if off := maxDifference(got, want); !(off <= familyNoise) {
		t.Errorf("%s: %s are off by %.3g, want at most %.0e", r.name, what, off, familyNoise)
	}
}

func (r familyRun) compareForward(t *testing.T, net nn.Net, store *model.Store) {
	t.Helper()
	exec, err := model.NewExec(enginetest.Open(t), store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		logits, _ := net.Forward(in[0], nn.Options{})
		return append(net.Branches(in[0]), logits)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	var ids []int32
	for _, sequence := range r.batch {
		for _, id := range sequence {
			ids = append(ids, int32(id))
		}
	}
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(ids, len(r.batch), len(r.batch[0])))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range r.attention {
		r.compare(t, "outputs of the attention of layer "+strconv.Itoa(i), tensors.MustCopyFlatData[float32](out[i]), want)
	}
	r.compare(t, "logits", tensors.MustCopyFlatData[float32](out[len(out)-1]), r.logits)
}

// compareSteps reads the tokens one by one: all of them, or those after a prompt where
// the rotation depends on how many there are. There transformers, too, keeps the keys
// of earlier tokens as they were turned.
func (r familyRun) compareSteps(t *testing.T, net nn.Net, store *model.Store) {
	t.Helper()
	prompt, tokens := 0, len(r.batch[0])
	ropes, _ := net.Model.Ropes()
	for _, rope := range ropes {
		switch {
		case tokens <= rope.Original:
		case rope.Scaling == "longrope":
			prompt = rope.Original + 1
		case rope.Scaling == "dynamic":
			return // each token turns the keys of all anew
		}
	}
	d, err := infer.NewDecoder(infer.Model{Backend: enginetest.Open(t), Net: net, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Finalize()
	session, vocab := d.Start(len(r.batch), tokens), net.Model.Vocab
	column := func(at int) (ids []int) {
		for _, sequence := range r.batch {
			ids = append(ids, sequence[at])
		}
		return ids
	}
	if prompt > 0 {
		var prompts [][]int
		for _, sequence := range r.batch {
			prompts = append(prompts, sequence[:prompt])
		}
		if session, _, err = d.Prefill(prompts, tokens); err != nil {
			t.Fatal(err)
		}
	}
	defer session.Close()
	for at := prompt; at < tokens; at++ {
		got, err := session.Step(column(at))
		if err != nil {
			t.Fatal(err)
		}
		for b := range r.batch {
			from := (b*tokens + at) * vocab
			r.compare(t, "logits of step "+strconv.Itoa(at), got[b*vocab:(b+1)*vocab], r.logits[from:from+vocab])
		}
		if t.Failed() {
			return // the others go the same way
		}
	}
}

// TestFamiliesCover checks that no row of the table is without a golden checkpoint.
func TestFamiliesCover(t *testing.T) {
	covered := map[string]bool{}
	for _, name := range testdata.Families(t) {
		folder, err := pretrained.Open(testdata.Family(t, name))
		if err != nil {
			t.Error(err)
			continue
		}
		covered[folder.Model.Family] = true
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, architecture := range arch.Families() {
		if !covered[architecture] {
			t.Errorf("%s has no golden checkpoint in internal/testdata/families", architecture)
		}
	}
}

// Beyond the positions that a model learned there is nothing to look up, in any form.
func TestPositionsEnd(t *testing.T) {
	net, store := nntest.Load(t, testdata.Family(t, "gpt2"))
	d, err := infer.NewDecoder(infer.Model{Backend: enginetest.Open(t), Net: net, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Finalize()
	n := net.Model.Positions
	long := make([]int, n+1)
	session, _, err := d.Prefill([][]int{long[:n]}, n)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	_, stepErr := session.Step(long[:1])
	_, forwardErr := d.Forward(long)
	_, _, prefillErr := d.Prefill([][]int{long}, n)
	losses, err := infer.NewLosses(infer.Model{Backend: enginetest.Open(t), Net: net, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer losses.Finalize()
	_, lossErr := losses.Of(make([]int32, n+1), make([]int32, n+1), 1, n+1)
	for what, err := range map[string]error{"Step": stepErr, "Forward": forwardErr, "Prefill": prefillErr, "Of": lossErr} {
		if err == nil || !strings.Contains(err.Error(), "got 33 tokens, want at most 32: transformer.wpe.weight ") {
			t.Errorf("%s of %d tokens = %v, want an error that says how many there are positions for", what, n+1, err)
		}
	}
}

// What an alignment to [nn.PreO] compares is what the output projection is given, also
// where a gate of the teacher stands between: what [nn.PostO] compares follows from it.
func TestTargets(t *testing.T) {
	for _, name := range []string{"llama2", "qwen3.5-text"} {
		teacher, store := nntest.Load(t, testdata.Family(t, name))
		i := slices.IndexFunc(teacher.Model.Mixers, func(x arch.Mixer) bool { return x.Name == arch.Softmax })
		student := teacher
		student.Model = nntest.WithMixers(t, teacher.Model, slices.Repeat([]string{"softmax,window=3"}, teacher.Model.Layers)...)
		student.Model.Mixers = slices.Replace(slices.Clone(teacher.Model.Mixers), i, i+1, student.Model.Mixers[i])
		exec, err := model.NewExec(enginetest.Open(t), store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
			var out []*graph.Node
			for _, target := range []nn.Target{nn.PreO, nn.PostO} {
				pairs := nn.Align(teacher, student, in[0], target)
				pair := pairs[slices.IndexFunc(pairs, func(p nn.Aligned) bool { return p.Layer == i })]
				for _, y := range []*graph.Node{pair.Student, pair.Teacher} {
					if target == nn.PreO {
						y = ops.Linear(teacher.Weights, teacher.Model.Attention(i)+".o_proj", y)
					}
					out = append(out, y)
				}
			}
			return out
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(tensors.FromFlatDataAndDimensions([]int32{5, 4, 3, 2, 1, 0, 1, 2}, 1, 8))
		if err != nil {
			t.Fatal(err)
		}
		for k, whose := range []string{"student", "teacher"} {
			got, want := tensors.MustCopyFlatData[float32](out[k]), tensors.MustCopyFlatData[float32](out[2+k])
			if off := maxDifference(got, want); !(off <= 1e-6) {
				t.Errorf("%s: o_proj of what PreO compares of the %s is off by %g from PostO", name, whose, off)
			}
		}
		exec.Finalize()
	}
}

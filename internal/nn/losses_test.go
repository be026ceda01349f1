package nn_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// scalar runs a graph whose result is one number.
func scalar[F ExecGraphFn](t *testing.T, graph F, args ...any) float64 {
	t.Helper()
	return numtest.Of(call(t, graph, args...)[0])[0]
}

func call[F ExecGraphFn](t *testing.T, graph F, args ...any) []*tensors.Tensor {
	t.Helper()
	e, err := NewExec(enginetest.Open(t), graph)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Finalize()
	out, err := e.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.8g, want %.8g", what, got, want)
	}
}

// The numbers of torchtune's tests. Its forward loss is a cross-entropy: the teacher's
// entropy more than the divergence.
func TestDistillationGoldens(t *testing.T) {
	dir := testdata.Shared(t, "kd-loss-goldens")
	data, err := os.ReadFile(filepath.Join(dir, "kd_losses.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Student [][][]float32      `json:"student_logits_bf16"`
		Teacher [][][]float32      `json:"teacher_logits_bf16"`
		Labels  [][]int32          `json:"labels"`
		Ignored int32              `json:"ignore_index"`
		Want    map[string]float64 `json:"recomputed_float64"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	// The file shows four digits of numbers that are bfloat16.
	for _, logits := range [][][][]float32{golden.Student, golden.Teacher} {
		for _, row := range slices.Concat(logits...) {
			for i, x := range row {
				row[i] = math.Float32frombits((math.Float32bits(x) + 1<<15) >> 16 << 16)
			}
		}
	}
	counted, weights := 0, [][]float32{}
	for _, row := range golden.Labels {
		var w []float32
		for _, label := range row {
			w = append(w, 0)
			if label != golden.Ignored {
				w[len(w)-1] = 1
				counted++
			}
		}
		weights = append(weights, w)
	}
	for _, row := range weights {
		for i := range row {
			row[i] /= float32(counted)
		}
	}
	loss := func(of func(teacher, student, weights *Node) *Node) float64 {
		return scalar(t, of, golden.Teacher, golden.Student, weights)
	}
	kl := loss(func(p, q, w *Node) *Node { return nn.Mean(nn.KL(p, q, 1), w) })
	reverse := loss(func(p, q, w *Node) *Node { return nn.Mean(nn.KL(q, p, 1), w) })
	near(t, "KL(teacher ‖ student)", kl, golden.Want["forward_kl_true"], 2e-6)
	near(t, "soft cross-entropy", kl+golden.Want["teacher_entropy"], golden.Want["soft_cross_entropy"], 2e-6)
	near(t, "KL(student ‖ teacher)", reverse, golden.Want["reverse_kl"], 2e-6)
	near(t, "half and half", (kl+golden.Want["teacher_entropy"]+reverse)/2, golden.Want["symmetric"], 2e-6)
	near(t, "mean square", loss(nn.MSE), golden.Want["logit_mse"], 2e-6)

	// All tokens but the likeliest three of four in one: nothing is lost of a vocabulary of 4.
	bucketed := loss(func(p, q, w *Node) *Node {
		top := topOf(p, 3)
		return nn.Mean(nn.Divergence(top.Log, top.Of(q), 1), w)
	})
	near(t, "KL of three and the rest", bucketed, kl, 2e-6)
	// Of two in one, something is.
	bucketed = loss(func(p, q, w *Node) *Node {
		top := topOf(p, 2)
		return nn.Mean(nn.Divergence(top.Log, top.Of(q), 1), w)
	})
	if !(bucketed < kl && bucketed > 0.5*kl) {
		t.Errorf("KL of two and the rest is %g, want less than %g, but not by half", bucketed, kl)
	}
}

// topOf is a teacher's K most likely tokens in the graph.
func topOf(logits *Node, k int) nn.Top {
	_, ids := TopK(logits, k, -1)
	top := nn.Top{IDs: ids}
	top.Log = top.Of(logits)
	return top
}

// Each distance, by hand: one token with a difference of (3, 4, 0, 0) to (1, 2, 2, 0)
// and one with none but that of rounding, which has no gradient.
func TestDistances(t *testing.T) {
	teacher := [][][]float32{{{1, 2, 2, 0}, {1, 0, 0, 0}}}
	student := [][][]float32{{{4, 6, 2, 0}, {1 + 0x1p-23, 0, 0, 0}}}
	cosine := 1 - (4.+12+4)/(3*math.Sqrt(16+36+4))
	for _, tt := range []struct {
		name string
		loss func(a, b, weights *Node) *Node
		want float64 // of the first token
	}{
		{"mse", nn.MSE, 25. / 4},
		{"l2", nn.L2, 5. / 2},
		{"cosine", nn.Cosine, cosine},
	} {
		mean := call(t, func(s, u *Node) (*Node, *Node) {
			loss := tt.loss(s, u, nil)
			return loss, Gradient(loss, s)[0]
		}, student, teacher)
		near(t, tt.name, numtest.Of(mean[0])[0], tt.want/2, 1e-6)
		numtest.Finite(t, tt.name+": gradient", numtest.Of(mean[1]))
		if g := numtest.Of(mean[1])[4:]; slices.ContainsFunc(g, func(x float64) bool { return math.Abs(x) > 1e-6 }) {
			t.Errorf("%s: gradient where nothing differs is %v, want 0", tt.name, g)
		}
		weighted := scalar(t, func(s, u, w *Node) *Node { return tt.loss(s, u, w) }, student, teacher, [][]float32{{0.75, 0.25}})
		near(t, tt.name+" weighted", weighted, tt.want*0.75, 1e-6)
	}
}

// The gradients of the divergences: T(q − p), and q(log q − log p − D)·T.
func TestDivergenceGradients(t *testing.T) {
	p, q := []float64{1, 0, -1}, []float64{0.5, 0.25, 2}
	const temperature = 2.
	soft := func(z []float64) []float64 {
		e, sum := make([]float64, len(z)), 0.
		for i := range z {
			e[i] = math.Exp(z[i] / temperature)
			sum += e[i]
		}
		for i := range e {
			e[i] /= sum
		}
		return e
	}
	a, b := soft(p), soft(q)
	forward, reverse, d := make([]float64, 3), make([]float64, 3), 0.
	for i := range a {
		d += b[i] * math.Log(b[i]/a[i])
	}
	for i := range a {
		forward[i] = temperature * (b[i] - a[i])
		reverse[i] = temperature * b[i] * (math.Log(b[i]/a[i]) - d)
	}
	grads := call(t, func(p, q *Node) (*Node, *Node) {
		return Gradient(ReduceAllSum(nn.KL(p, q, temperature)), q)[0], Gradient(ReduceAllSum(nn.KL(q, p, temperature)), q)[0]
	}, numtest.Tensor(p, 1, 1, 3), numtest.Tensor(q, 1, 1, 3))
	numtest.Near(t, "KL(teacher ‖ student)", numtest.Of(grads[0]), forward, 1e-6)
	numtest.Near(t, "KL(student ‖ teacher)", numtest.Of(grads[1]), reverse, 1e-6)
}

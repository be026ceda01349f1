package nn_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
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
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// TestStories260K compares a really trained Llama with the float64 reference
// beside it, in each of the forms in which its weights are stored.
func TestStories260K(t *testing.T) {
	dir := testdata.Shared(t, "stories260K-hf")
	want := referenceLogits(t, filepath.Join(dir, "reference_logits.safetensors"))
	ref := readReference(t, dir)
	for _, tt := range []struct {
		folder  string
		nll     float64
		closeTo float64 // 2e-4 is what fp32 may lose; bf16 weights are other weights
	}{
		{"stories260K-hf", 1.41651, 2e-4},
		{"stories260K-hf-sharded", 1.41651, 2e-4},
		{"stories260K-hf-bf16", 1.41551, 0.174},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			folder, err := checkpoints.Open(testdata.Shared(t, tt.folder))
			if err != nil {
				t.Fatal(err)
			}
			defer folder.Close()
			net, store := load(t, folder.Config().Bytes(), folder)
			logits, nll := forward(t, net, store, ref.IDs)
			if got := maxDifference(logits, want); !(got <= tt.closeTo) {
				t.Errorf("logits differ by %.3g, want at most %.3g", got, tt.closeTo)
			}
			if got := mean(nll); !(math.Abs(got-tt.nll) <= 1e-4) {
				t.Errorf("mean loss is %.5f, want %.5f ± 1e-4", got, tt.nll)
			}
			if tt.nll != 1.41651 {
				return
			}
			for i, want := range ref.NLL {
				if !(math.Abs(nll[i]-want) <= 1e-4) {
					t.Errorf("loss of token %d is %.5f, want %.5f", i, nll[i], want)
				}
			}
		})
	}
}

// TestTinyLlama compares an untied random model of odd sizes with logits that
// another author's transcription of transformers gave.
func TestTinyLlama(t *testing.T) {
	dir := testdata.Shared(t, "tiny-llama-golden")
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := checkpoints.OpenFile(filepath.Join(dir, "tiny_llama.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	net, store := load(t, config, file)
	logits, _ := forward(t, net, store, metaTokens(t, filepath.Join(dir, "tiny_llama_meta.txt")))
	raw, err := os.ReadFile(filepath.Join(dir, "tiny_llama_golden.bin"))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(raw)/4)
	for i := range want {
		want[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	if got := maxDifference(logits, want); !(got <= 1e-4) {
		t.Errorf("logits differ by %.3g, want at most 1e-4", got)
	}
}

func load(t *testing.T, config []byte, from nn.Reader) (nn.Net, *model.Store) {
	t.Helper()
	m, err := arch.Describe(config)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	t.Cleanup(store.Finalize)
	params, err := nn.LoadParams(store, "teacher", from, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return nn.Net{Model: m, Weights: params}, store
}

// forward runs one sequence: its logits [T, V], and the loss of each next token.
func forward(t *testing.T, net nn.Net, store *model.Store, ids []int32) (logits []float32, nll []float64) {
	t.Helper()
	exec, err := model.NewExec(enginetest.Open(t), store,
		func(_ *model.Scope, ids *graph.Node) (*graph.Node, *graph.Node) {
			logits, _ := net.Forward(ids, nn.Options{})
			all := graph.AxisRange()
			next := graph.Slice(ids, all, graph.AxisRangeToEnd(1))
			return logits, nn.CrossEntropy(graph.Slice(logits, all, graph.AxisRangeFromStart(-1), all), next)
		})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, loss, err := exec.Call2(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors.MustCopyFlatData[float32](loss) {
		nll = append(nll, float64(x))
	}
	return tensors.MustCopyFlatData[float32](out), nll
}

type reference struct {
	IDs []int32   `json:"ids"`
	NLL []float64 `json:"nll_per_token_f64"`
}

func readReference(t *testing.T, dir string) (ref reference) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

func referenceLogits(t *testing.T, path string) []float32 {
	t.Helper()
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tensor, err := file.Tensor(file.Names()[0])
	if err != nil {
		t.Fatal(err)
	}
	data, err := tensor.Float32()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func metaTokens(t *testing.T, path string) (ids []int32) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(data), "tokens=")
	for field := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		id, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, int32(id))
	}
	return ids
}

// maxDifference is infinite when lengths differ and NaN when an element is.
func maxDifference(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	return worst
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

package lora_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/lora"
)

// goldens are folders that peft wrote, and the checkpoints that they go with; see
// tools/golden/peft.py.
var goldens = map[string]string{
	"patterns": "llama2", "head": "tinyllama", "conv1d": "gpt2", "fused": "phi3", "heads": "gpt-neox",
}

func golden(name string) string { return filepath.Join("testdata", "peft", name) }

// peftNoise is what fp32 may lose between peft's order of sums and ours.
const peftNoise = 1e-4

// TestPEFT reads adapters that peft wrote and gives the logits that peft gave: with the
// corrections beside the weights, and merged into them.
func TestPEFT(t *testing.T) {
	for name, family := range goldens {
		t.Run(name, func(t *testing.T) {
			base := widened(t, testdata.Family(t, family))
			ids, want := run(t, filepath.Join(golden(name), "golden.safetensors"))
			beside := logits(t, base, corrections(t, base, golden(name)), ids)
			if off := distance(beside, want); !(off <= peftNoise) {
				t.Errorf("beside the weights, logits are off by %.3g, want at most %g", off, peftNoise)
			}
			output := filepath.Join(t.TempDir(), "merged")
			p, err := lora.NewMerge(base, golden(name), output, lora.MergeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Write(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if off := distance(logits(t, output, nil, ids), want); !(off <= peftNoise) {
				t.Errorf("merged, logits are off by %.3g, want at most %g", off, peftNoise)
			}
			for _, m := range p.Modules {
				if moved := moved(t, base, output, m.Tensor); math.Abs(moved-m.LargestChange) > 1e-6 || moved == 0 {
					t.Errorf("%s is said to change by %g, and does by %g", m.Module, m.LargestChange, moved)
				}
			}
			plain := logits(t, base, nil, ids)
			if distance(plain, want) < 1e-2 {
				t.Error("the adapter moves no logit: the test shows nothing")
			}
		})
	}
}

// Merged into a checkpoint of 16 bits, the weights are rounded and stay what they were
// in every other way.
func TestMergeKeepsTheFolder(t *testing.T) {
	base := testdata.Family(t, "phi3")
	output := filepath.Join(t.TempDir(), "merged")
	p, err := lora.NewMerge(base, golden("fused"), output, lora.MergeOptions{MaxShardSize: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	from, to := open(t, base), open(t, output)
	changed := map[string]bool{}
	for _, m := range p.Modules {
		changed[m.Tensor] = true
	}
	if len(to.Names()) != len(from.Names()) || len(changed) != 8 {
		t.Errorf("%d tensors of %d, %d changed, want 8", len(to.Names()), len(from.Names()), len(changed))
	}
	for _, name := range from.Names() {
		before, _ := from.Folder.Tensor(name)
		after, err := to.Folder.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if after.DType != before.DType || (string(after.Data) == string(before.Data)) == changed[name] {
			t.Errorf("%s: %s, changed %v", name, after.DType, string(after.Data) != string(before.Data))
		}
	}
	if string(from.Config().Bytes()) != string(to.Config().Bytes()) {
		t.Error("config.json is another one")
	}
	if p.PeakMemory > 100<<20 {
		t.Errorf("peak memory of a tiny model is said to be %d", p.PeakMemory)
	}
}

func open(t *testing.T, dir string) *pretrained.Folder {
	t.Helper()
	folder, err := pretrained.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

// widened is a copy of a model folder in fp32.
func widened(t *testing.T, dir string) string {
	t.Helper()
	folder := open(t, dir)
	out := checkpoints.Output{Config: folder.Config()}
	for _, name := range folder.Names() {
		x, err := folder.Folder.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		out.Tensors = append(out.Tensors, checkpoints.FromFloat32(name, x.Shape, data, checkpoints.F32))
	}
	wide := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := checkpoints.Write(wide, out); err != nil {
		t.Fatal(err)
	}
	return wide
}

func corrections(t *testing.T, base, dir string) []lora.Correction {
	t.Helper()
	adapter, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer adapter.Close()
	bound, err := adapter.Bind(open(t, base))
	if err != nil {
		t.Fatal(err)
	}
	list, err := lora.Corrections(bound)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// logits runs a model with corrections beside its weights.
func logits(t *testing.T, dir string, low []lora.Correction, ids []int) []float32 {
	t.Helper()
	folder := open(t, dir)
	m := infer.Streamed{Backend: enginetest.Open(t), Model: folder.Model, Read: folder.Float32}
	for _, c := range low {
		m.Low = append(m.Low, infer.Low(c))
	}
	out, err := m.Logits(ids)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run reads what peft computed.
func run(t *testing.T, path string) (ids []int, logits []float32) {
	t.Helper()
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := file.Tensor("ids")
	if err != nil {
		t.Fatal(err)
	}
	flat, err := x.Int64()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range flat {
		ids = append(ids, int(id))
	}
	if x, err = file.Tensor("logits"); err != nil {
		t.Fatal(err)
	}
	if logits, err = x.Float32(); err != nil {
		t.Fatal(err)
	}
	return ids, logits
}

// distance is infinite when lengths differ, NaN when an element is.
func distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	return worst
}

func moved(t *testing.T, before, after, tensor string) float64 {
	t.Helper()
	var values [2][]float32
	for i, dir := range []string{before, after} {
		x, err := open(t, dir).Folder.Tensor(tensor)
		if err != nil {
			t.Fatal(err)
		}
		if values[i], err = x.Float32(); err != nil {
			t.Fatal(err)
		}
	}
	return distance(values[1], values[0])
}

// Write is the way back: what it writes opens as what was trained.
func TestWrite(t *testing.T) {
	base := widened(t, testdata.Family(t, "llama2"))
	folder := open(t, base)
	for _, tt := range []struct {
		config lora.Config
		want   []string // target_modules
	}{
		{lora.Config{R: 3, Alpha: 5, Targets: []string{"q_proj", "down_proj"}}, []string{"q_proj", "down_proj"}},
		{lora.Config{R: 4, Alpha: 2.5, RSLoRA: true, Targets: []string{"1.self_attn.v_proj", "o_proj"}}, []string{"o_proj", "model.layers.1.self_attn.v_proj"}},
	} {
		modules, err := tt.config.Match(folder.Model)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string][]float32{}
		for i, m := range modules {
			values[m.Name+nn.LoRAA] = ramp(tt.config.R*m.In, i)
			values[m.Name+nn.LoRAB] = ramp(m.Out*tt.config.R, i+1)
		}
		dir := filepath.Join(t.TempDir(), "adapter")
		err = lora.Write(dir, lora.Trained{
			Config: tt.config, Modules: modules, Model: folder.Model, Base: base,
			Values: func(name string) ([]float32, error) { return values[name], nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		config, err := checkpoints.ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		var targets []string
		if _, err := config.Get("target_modules", &targets); err != nil || !sameSet(targets, tt.want) {
			t.Errorf("target_modules is %q, %v, want %q", targets, err, tt.want)
		}
		list := corrections(t, base, dir)
		if len(list) != len(modules) {
			t.Errorf("%d modules come back, want %d", len(list), len(modules))
		}
		for _, c := range list {
			if distance(c.A, values[c.Module+nn.LoRAA]) != 0 || distance(c.B, values[c.Module+nn.LoRAB]) != 0 || c.Scale != tt.config.Scale() {
				t.Errorf("%s comes back as another, with scale %g", c.Module, c.Scale)
			}
		}
	}
}

func ramp(n, from int) []float32 {
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(from+i) / 16
	}
	return data
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	in := map[string]bool{}
	for _, x := range a {
		in[x] = true
	}
	for _, x := range b {
		if !in[x] {
			return false
		}
	}
	return true
}

package mixers

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// exported is a whole model of a class that others run, read straight from its
// file: what surrounds our mixers is plain float64 here.
type exported struct {
	testing.TB
	file   *checkpoints.File
	prefix string // of the layer at hand
	eps    float64
	shift  float64 // what is added to the weight of a norm
}

// TestExportGoldens runs the layers of a Granite hybrid and of a Qwen3.5, as our
// mixers, to the logits that transformers gave for the same files.
func TestExportGoldens(t *testing.T) {
	for folder, run := range map[string]func(e *exported, i int, x [][][]float64) [][][]float64{
		"granite-hybrid-tiny": granite,
		"qwen35-tiny":         qwen35,
	} {
		t.Run(folder, func(t *testing.T) {
			dir := filepath.Join(testdata.Shared(t, "export-goldens"), folder)
			e := &exported{TB: t, file: opened(t, dir, "model"), eps: 1e-5}
			if folder == "qwen35-tiny" {
				e.eps, e.shift = 1e-6, 1
			}
			golden := exported{TB: t, file: opened(t, dir, "logits")}
			raw, err := golden.file.Tensor("ids")
			if err != nil {
				t.Fatal(err)
			}
			ids, err := raw.Int64()
			if err != nil {
				t.Fatal(err)
			}
			embedding := slices.Collect(slices.Chunk(e.weight("model.embed_tokens.weight"), 32))
			x := make([][][]float64, 2)
			for at, id := range ids {
				x[at*2/len(ids)] = append(x[at*2/len(ids)], slices.Clone(embedding[id]))
			}
			for i := range 3 {
				e.prefix = "model.layers." + string(rune('0'+i)) + "."
				add(x, run(e, i, e.normed("input_layernorm", x)))
				add(x, e.mlp(e.normed("post_attention_layernorm", x)))
			}
			e.prefix = "model."
			logits := multiply(e.weight("model.embed_tokens.weight"), e.normed("norm", x))
			// Three layers one after the other, with weights of bf16 and fp32 on both sides.
			numtest.Near(t, "logits", flat(logits), golden.weight("logits"), 2e-5)
		})
	}
}

// granite is a layer of GraniteMoeHybrid: Mamba-2 with one group of B and C and
// heads of 16, or rotary softmax with heads of 8.
func granite(e *exported, i int, x [][][]float64) [][][]float64 {
	if i == 1 {
		m := &arch.Model{Hidden: 32, Heads: 4, KVHeads: 2, HeadDim: 8, Rope: arch.Rope{Theta: 10000, Dim: 8}}
		return e.mix(m, "softmax", x, "self_attn.o_proj.weight", map[string][]float64{
			"q_proj.weight": e.own("self_attn.q_proj.weight"), "k_proj.weight": e.own("self_attn.k_proj.weight"),
			"v_proj.weight": e.own("self_attn.v_proj.weight"),
		}, nil)
	}
	in := e.own("mamba.in_proj.weight") // z 64, x 64, B 16, C 16, Δ 4
	rows := func(from, to int) []float64 { return in[from*32 : to*32] }
	m := &arch.Model{Hidden: 32, Heads: 4, KVHeads: 4, HeadDim: 16, NormEps: e.eps}
	return e.mix(m, "mamba2,groups=1,state_dim=16,conv=4,skip,norm=after,norm_width=full", x, "mamba.out_proj.weight", map[string][]float64{
		"v_proj.weight": rows(64, 128), "mixer.B_proj.weight": rows(128, 144), "mixer.C_proj.weight": rows(144, 160),
		"mixer.dt_proj.weight": rows(160, 164), "mixer.g_proj.weight": rows(0, 64), "mixer.dt_bias": e.own("mamba.dt_bias"),
		"mixer.A_log": e.own("mamba.A_log"), "mixer.D": e.own("mamba.D"), "mixer.norm.weight": e.own("mamba.norm.weight"),
		"mixer.conv1d.weight": e.own("mamba.conv1d.weight"), "mixer.conv1d.bias": e.own("mamba.conv1d.bias"),
	}, nil)
}

// qwen35 is a layer of Qwen3.5: a Gated DeltaNet with heads of 8, or softmax with
// heads of 16, norms of queries and keys, and a gate beside each head's queries.
func qwen35(e *exported, i int, x [][][]float64) [][][]float64 {
	if i < 2 {
		in, conv := e.own("linear_attn.in_proj_qkv.weight"), e.own("linear_attn.conv1d.weight")
		third := len(conv) / 3
		m := &arch.Model{Hidden: 32, Heads: 2, KVHeads: 2, HeadDim: 8, NormEps: e.eps}
		return e.mix(m, "gated-delta", x, "linear_attn.out_proj.weight", map[string][]float64{
			"q_proj.weight": in[:16*32], "k_proj.weight": in[16*32 : 32*32], "v_proj.weight": in[32*32:],
			"mixer.conv1d.weight": slices.Concat(conv[2*third:], conv[third:2*third], conv[:third]),
			"mixer.a_proj.weight": e.own("linear_attn.in_proj_a.weight"), "mixer.b_proj.weight": e.own("linear_attn.in_proj_b.weight"),
			"mixer.g_proj.weight": e.own("linear_attn.in_proj_z.weight"), "mixer.norm.weight": e.own("linear_attn.norm.weight"),
			"mixer.A_log": e.own("linear_attn.A_log"), "mixer.dt_bias": e.own("linear_attn.dt_bias"),
		}, nil)
	}
	var q, gate []float64
	for head := range slices.Chunk(e.own("self_attn.q_proj.weight"), 2*16*32) {
		q, gate = append(q, head[:16*32]...), append(gate, head[16*32:]...)
	}
	m := &arch.Model{Hidden: 32, Heads: 4, KVHeads: 2, HeadDim: 16, NormEps: e.eps, Rope: arch.Rope{Theta: 1e6, Dim: 16}}
	return e.mix(m, "softmax,qk_norm=rms", x, "self_attn.o_proj.weight", map[string][]float64{
		"q_proj.weight": q, "k_proj.weight": e.own("self_attn.k_proj.weight"), "v_proj.weight": e.own("self_attn.v_proj.weight"),
		"mixer.q_norm.weight": e.shifted("self_attn.q_norm.weight"), "mixer.k_norm.weight": e.shifted("self_attn.k_norm.weight"),
	}, multiply(gate, x))
}

// mix runs one of our mixers with the given tensors in its chunked form, gates its
// heads by the sigmoid of gate where there is one, and projects them to the output.
func (e *exported) mix(m *arch.Model, spec string, x [][][]float64, out string, tensors map[string][]float64, gate [][][]float64) [][][]float64 {
	e.Helper()
	r := newRig(e.TB, m, spec)
	r.inherited()
	for _, name := range r.names {
		if len(tensors[name]) != len(r.values[name]) {
			e.Fatalf("%s: got %d numbers, want %d", name, len(tensors[name]), len(r.values[name]))
		}
		r.values[name] = tensors[name]
	}
	heads, _ := r.run(e.TB, call{chunk: 16}, x, carried{})
	for i, g := range flat(gate) {
		heads[i] /= 1 + math.Exp(-g)
	}
	var y [][][]float64
	for sequence := range slices.Chunk(heads, len(heads)/len(x)) {
		y = append(y, slices.Collect(slices.Chunk(sequence, m.Queries())))
	}
	return multiply(e.own(out), y)
}

func (e *exported) mlp(x [][][]float64) [][][]float64 {
	names := []string{"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"}
	if _, ok := e.file.Info(e.prefix + names[0]); !ok {
		names = []string{"shared_mlp.input_linear.weight", "", "shared_mlp.output_linear.weight"}
	}
	both := e.own(names[0])
	if names[1] != "" {
		both = slices.Concat(both, e.own(names[1]))
	}
	hidden := multiply(both, x)
	for _, sequence := range hidden {
		for t, row := range sequence {
			half := len(row) / 2
			for i := range half {
				row[i] *= row[half+i] / (1 + math.Exp(-row[i]))
			}
			sequence[t] = row[:half]
		}
	}
	return multiply(e.own(names[2]), hidden)
}

// normed is RMSNorm by the weight of a module of the layer.
func (e *exported) normed(module string, x [][][]float64) [][][]float64 {
	weight := e.shifted(module + ".weight")
	out := make([][][]float64, len(x))
	for b, sequence := range x {
		for _, row := range sequence {
			var square float64
			for _, v := range row {
				square += v * v
			}
			y := make([]float64, len(row))
			for i, v := range row {
				y[i] = v * weight[i] / math.Sqrt(square/float64(len(row))+e.eps)
			}
			out[b] = append(out[b], y)
		}
	}
	return out
}

// own is a tensor of the layer.
func (e *exported) own(name string) []float64 { return e.weight(e.prefix + name) }

// shifted is the weight of a norm as it multiplies.
func (e *exported) shifted(name string) []float64 {
	w := e.own(name)
	for i := range w {
		w[i] += e.shift
	}
	return w
}

func (e *exported) weight(name string) []float64 {
	e.Helper()
	raw, err := e.file.Tensor(name)
	if err != nil {
		e.Fatal(err)
	}
	data, err := raw.Float32()
	if err != nil {
		e.Fatal(err)
	}
	return numtest.Wide(data)
}

func opened(t *testing.T, dir, name string) *checkpoints.File {
	t.Helper()
	file, err := checkpoints.OpenFile(filepath.Join(dir, name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // read only
	return file
}

// multiply applies w [out, in] to every row of x.
func multiply(w []float64, x [][][]float64) [][][]float64 {
	out := make([][][]float64, len(x))
	for b, sequence := range x {
		for _, row := range sequence {
			var y []float64
			for r := range slices.Chunk(w, len(row)) {
				var sum float64
				for i := range r {
					sum += r[i] * row[i]
				}
				y = append(y, sum)
			}
			out[b] = append(out[b], y)
		}
	}
	return out
}

func add(x, y [][][]float64) {
	for b := range x {
		for t := range x[b] {
			for i := range x[b][t] {
				x[b][t][i] += y[b][t][i]
			}
		}
	}
}

func flat(x [][][]float64) []float64 { return slices.Concat(slices.Concat(x...)...) }

package seeding_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/seeding"
)

// model is a teacher with grouped heads and biases on every projection.
func model(t *testing.T) *arch.Model {
	t.Helper()
	m, err := arch.Describe([]byte(`{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":32,
		"hidden_size":24,"num_hidden_layers":3,"intermediate_size":40,"num_attention_heads":4,
		"num_key_value_heads":2,"head_dim":6,"attention_bias":true}`))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func layer(t *testing.T, mixer string) seeding.Layer {
	t.Helper()
	x, err := arch.ParseMixer(mixer)
	if err != nil {
		t.Fatal(err)
	}
	m := model(t)
	return seeding.Layer{
		Model: m, Index: 1, Mixer: x, Seed: 7, InitStd: 0.02,
		Teacher: func(name string) ([]float32, error) {
			heads := map[string]int{"q_proj.weight": m.Heads, "k_proj.weight": m.KVHeads}[name]
			v := make([]float32, heads*m.HeadDim*m.Hidden)
			for i := range v {
				v[i] = float32(i)
			}
			return v, nil
		},
	}
}

// seeded computes all tensors of a layer.
func seeded(t *testing.T, method string, l seeding.Layer) map[string][]float32 {
	t.Helper()
	tensors, err := seeding.Seed(method, l)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, x := range tensors {
		values, err := x.Data()
		if err != nil {
			t.Fatal(err)
		}
		all[x.Name] = values
	}
	return all
}

func TestEveryMixerHasADefault(t *testing.T) {
	for _, name := range arch.Mixers() {
		method := seeding.DefaultMethod(name)
		if err := seeding.Check(method, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, method := range seeding.Methods("") {
		if doc, source := seeding.About(method); doc == "" || source == "" {
			t.Errorf("%s: it has no description or no source", method)
		}
	}
}

func TestLolcats(t *testing.T) {
	for _, f := range []string{"4", "6", "9"} {
		got := seeded(t, "lolcats", layer(t, "hedgehog,window=8,feature_dim="+f))
		width := int(f[0] - '0')
		for i, v := range got["mixer.feature_map_q.weight"] {
			want := float32(0)
			if i/width%6 == i%width {
				want = 1
			}
			if v != want {
				t.Fatalf("feature_dim %s: value %d of the query map is %g, want %g", f, i, v, want)
			}
		}
		if !slices.Equal(got["mixer.feature_map_q.weight"], got["mixer.feature_map_k.weight"]) {
			t.Errorf("feature_dim %s: the maps of queries and keys differ", f)
		}
		for _, v := range got["mixer.window_factors"] {
			if γ := 1 / (1 + math.Exp(-float64(v))); math.Abs(γ-0.1) > 1e-7 {
				t.Errorf("γ is %g, want 0.1", γ)
			}
		}
	}
}

// TestLolcatsRelu: a column of zeros would never learn behind a relu, so there is none.
func TestLolcatsRelu(t *testing.T) {
	got := seeded(t, "lolcats", layer(t, "hedgehog,feature_map=relu,map_bias,tie_maps,feature_dim=15"))
	for i, v := range got["mixer.feature_map.weight"] {
		row, column := i/15%6, i%15
		want := map[bool]float32{true: []float32{1, -1, 1}[column/6]}[row == column%6]
		if v != want {
			t.Fatalf("row %d column %d of a map is %g, want %g", row, column, v, want)
		}
	}
	if bias := got["mixer.feature_map.bias"]; !slices.Equal(bias, make([]float32, 4*15)) {
		t.Errorf("the bias of the maps is %v, want zeros", bias)
	}
}

func TestMMMamba(t *testing.T) {
	l := layer(t, "mamba2,conv=3")
	got := seeded(t, "mmmamba", l)
	for i, v := range got["mixer.conv1d.weight"] {
		if want := float32(i % 3 / 2); v != want {
			t.Fatalf("conv1d.weight[%d] is %g, want %g", i, v, want)
		}
	}
	for _, v := range got["mixer.dt_bias"] {
		if Δ := math.Log1p(math.Exp(float64(v))); Δ < 1e-3*(1-1e-6) || Δ > 0.1 {
			t.Errorf("the step size is %g, want it in [1e-3, 0.1]", Δ)
		}
	}
	bound := math.Exp2(-2.5) * math.Sqrt(6.0/(24+24))
	checkUniform(t, "g_proj", got["mixer.g_proj.weight"], bound)
	for name, want := range map[string]float32{"conv1d.bias": 0, "dt_proj.weight": 0, "A_log": 1, "norm.weight": 1} {
		for _, v := range got["mixer."+name] {
			if v != want {
				t.Errorf("%s has a %g, want %g", name, v, want)
			}
		}
	}
}

func TestMambaInLlama(t *testing.T) {
	got := seeded(t, "mambainllama", layer(t, "mamba2,conv=4,skip,norm=after"))
	checkUniform(t, "conv1d", got["mixer.conv1d.weight"], 0.5)
	checkUniform(t, "g_proj", got["mixer.g_proj.weight"], 1/math.Sqrt(24))
	for i, v := range got["mixer.A_log"] {
		if d := got["mixer.D"][i]; v < 0 || v > float32(math.Log(16)) || d != 1 {
			t.Errorf("head %d has A_log %g, want it in [0, ln 16], and D %g, want 1", i, v, d)
		}
	}
}

// TestDecaysAgree: where A is missing, the bias alone gives the decays that it has
// with A.
func TestDecaysAgree(t *testing.T) {
	softplus := func(v float32) float64 { return math.Log1p(math.Exp(float64(v))) }
	delta := seeded(t, "mmmamba", layer(t, "mamba2"))["mixer.dt_bias"]
	for i, v := range seeded(t, "mmmamba", layer(t, "mamba2,decay=sigmoid"))["mixer.dt_bias"] {
		if want := math.E * softplus(delta[i]); math.Abs(softplus(v)/want-1) > 1e-5 {
			t.Errorf("head %d decays by exp(-%g), want exp(-%g)", i, softplus(v), want)
		}
	}
}

// TestGrouped has the mean of a group's heads in each row, and beyond the teacher's
// rows something in one of B and C, so that both can learn.
func TestGrouped(t *testing.T) {
	const heads, dim, width = 4, 6, 24 // of the model; key heads: 2
	for _, tt := range []struct{ groups, n int }{{1, 6}, {2, 4}, {4, 9}} {
		l := layer(t, fmt.Sprintf("mamba2,groups=%d,state_dim=%d", tt.groups, tt.n))
		got := seeded(t, "mmmamba", l)
		for name, teacher := range map[string]string{"B": "k", "C": "q"} {
			old, err := l.Teacher(teacher + "_proj.weight")
			if err != nil {
				t.Fatal(err)
			}
			have := len(old) / dim / width
			for at, v := range got["mixer."+name+"_proj.weight"] {
				group, row, column := at/width/tt.n, at/width%tt.n, at%width
				if row >= dim {
					if (v != 0) != (name == "B") {
						t.Fatalf("%s, groups=%d: row %d, beyond the teacher's, has a %g", name, tt.groups, row, v)
					}
					continue
				}
				var sum float32
				for h := range heads {
					if h*tt.groups/heads == group {
						sum += old[(h*have/heads*dim+row)*width+column]
					}
				}
				if want := sum / float32(heads/tt.groups); v != want {
					t.Fatalf("%s, groups=%d: group %d row %d column %d is %g, want %g", name, tt.groups, group, row, column, v, want)
				}
			}
		}
	}
	l := layer(t, "mamba2,groups=1")
	l.Teacher = func(string) ([]float32, error) { return nil, errors.New("read model.safetensors: it is gone") }
	tensors, err := seeding.Seed("mmmamba", l)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(tensors, func(x seeding.Tensor) bool { return x.Name == "mixer.B_proj.weight" })
	const want = "seed mixer.B_proj.weight of layer 1: read model.safetensors: it is gone"
	if _, err := tensors[i].Data(); err == nil || err.Error() != want {
		t.Errorf("a teacher that cannot be read: got %v, want %s", err, want)
	}
}

func TestHalo(t *testing.T) {
	for h, v := range seeded(t, "halo", layer(t, "lightning,decay=learnt"))["mixer.log_rate"] {
		if got, want := math.Exp(float64(v)), math.Exp2(-2*float64(h+1)); math.Abs(got/want-1) > 1e-6 {
			t.Errorf("head %d of 4 decays by exp(-%g), want exp(-%g)", h, got, want)
		}
	}
}

func TestScratch(t *testing.T) {
	got := seeded(t, "scratch", layer(t, "mamba2,conv=4"))
	checkUniform(t, "conv1d", got["mixer.conv1d.weight"], 0.5)
	checkUniform(t, "dt_proj", got["mixer.dt_proj.weight"], 1/math.Sqrt(24))
	var squares float64
	q := got["q_proj.weight"]
	for _, v := range q {
		squares += float64(v) * float64(v)
	}
	if std := math.Sqrt(squares / float64(len(q))); math.Abs(std-0.02) > 0.002 {
		t.Errorf("q_proj has deviation %g, want 0.02", std)
	}
	for _, v := range got["mixer.A_log"] {
		if v < 0 || v > float32(math.Log(16)) {
			t.Errorf("A_log has a %g, want it in [0, ln 16]", v)
		}
	}
	hedgehog := seeded(t, "scratch", layer(t, "hedgehog,window=4"))
	checkUniform(t, "feature_map_q", hedgehog["mixer.feature_map_q.weight"], math.Sqrt(6.0/36))
	if !slices.Equal(hedgehog["mixer.feature_map_q.weight"], hedgehog["mixer.feature_map_k.weight"]) {
		t.Error("the maps of queries and keys differ")
	}
}

// checkUniform wants values that fill (-bound, bound) with mean 0.
func checkUniform(t *testing.T, name string, values []float32, bound float64) {
	t.Helper()
	var sum, most float64
	for _, v := range values {
		sum += float64(v)
		most = max(most, math.Abs(float64(v)))
	}
	if most > bound || most < 0.9*bound {
		t.Errorf("%s: the largest value is %g, want just below %g", name, most, bound)
	}
	// Four standard errors of a mean of uniform numbers.
	if mean := sum / float64(len(values)); math.Abs(mean) > 4*bound/math.Sqrt(3*float64(len(values))) {
		t.Errorf("%s: the mean is %g, want 0", name, mean)
	}
}

// TestStreams checks what a draw depends on: the seed, the layer and the name, and
// not which other tensors the layer has.
func TestStreams(t *testing.T) {
	base := layer(t, "mamba2")
	want := seeded(t, "mmmamba", base)
	if diff := cmp.Diff(want, seeded(t, "mmmamba", base)); diff != "" {
		t.Errorf("the same layer seeded twice (-first +second):\n%s", diff)
	}
	fewer := layer(t, "mamba2,conv=0,norm=none,learn_a=false")
	if got := seeded(t, "mmmamba", fewer); !slices.Equal(got["mixer.g_proj.weight"], want["mixer.g_proj.weight"]) {
		t.Error("the gate depends on the mixer's other options")
	}
	for name, change := range map[string]func(*seeding.Layer){
		"seed":  func(l *seeding.Layer) { l.Seed++ },
		"layer": func(l *seeding.Layer) { l.Index++ },
	} {
		other := base
		change(&other)
		got := seeded(t, "mmmamba", other)
		for _, tensor := range []string{"mixer.g_proj.weight", "mixer.dt_bias"} {
			if slices.Equal(got[tensor], want[tensor]) {
				t.Errorf("%s does not depend on the %s", tensor, name)
			}
		}
	}
}

// TestStreamsStay pins the numbers themselves: a change of them changes every
// converted folder, and needs a word in the changelog.
func TestStreamsStay(t *testing.T) {
	h := sha256.New()
	for _, v := range seeded(t, "mmmamba", layer(t, "mamba2"))["mixer.g_proj.weight"] {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		h.Write(b[:])
	}
	const want = "9a2735336b76f8381b82feedf2b5247e1f235d42478e98ae1d780394dbbdf4bc"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("g_proj of layer 1 by seed 7: got sha256 %s, want %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ method, mixer, want, hint string }{
		{"lolcats", "mamba2", `seeding "lolcats": does not fit mixer mamba2`, "mamba2 takes mambainllama or mmmamba or scratch"},
		{"kaiming", "hedgehog", `seeding "kaiming": there is no such method`, "hedgehog takes lolcats or scratch"},
		{"scratch", "softmax", `seeding "scratch": does not fit mixer softmax`, "softmax takes teacher"},
	} {
		_, err := seeding.Seed(tt.method, layer(t, tt.mixer))
		e, ok := errors.AsType[*seeding.MethodError](err)
		if !ok || e.Error() != tt.want || !strings.Contains(e.Hint(), tt.hint) {
			t.Errorf("%s for %s: got %v, want %q with hint %q", tt.method, tt.mixer, err, tt.want, tt.hint)
		}
	}
}

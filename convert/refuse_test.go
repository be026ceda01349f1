package convert_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// rewrite makes another folder of a model after change has had its way with it.
func rewrite(t *testing.T, model string, change func(out *checkpoints.Output)) string {
	t.Helper()
	folder := open(t, model)
	out := checkpoints.Output{Config: folder.Config().Clone(), Files: map[string][]byte{}}
	for _, name := range folder.Names() {
		out.Tensors = append(out.Tensors, read(t, folder, name).Source())
	}
	change(&out)
	dir := filepath.Join(t.TempDir(), "changed")
	if err := checkpoints.Write(dir, out); err != nil {
		t.Fatal(err)
	}
	return dir
}

// replace puts a tensor of zeros in the place of the one of that name, or adds it.
func replace(out *checkpoints.Output, name string, dtype checkpoints.DType, shape ...int) {
	s := checkpoints.Source{Name: name, DType: dtype, Shape: shape}
	s.Data = func() ([]byte, error) { return make([]byte, s.Bytes()), nil }
	for i, old := range out.Tensors {
		if old.Name == name {
			out.Tensors[i] = s
			return
		}
	}
	out.Tensors = append(out.Tensors, s)
}

func remove(out *checkpoints.Output, name string) {
	for i, s := range out.Tensors {
		if s.Name == name {
			out.Tensors = append(out.Tensors[:i], out.Tensors[i+1:]...)
			return
		}
	}
	panic("no tensor " + name)
}

func setConfig(t *testing.T, out *checkpoints.Output, key string, value any) {
	t.Helper()
	if err := out.Config.Set(key, value); err != nil {
		t.Fatal(err)
	}
}

// TestProblems checks that all that is wrong with a model is said at once, in the
// order of the model and then by name, and that what is harmless is not.
func TestProblems(t *testing.T) {
	tied := testmodel.Llama(t, testmodel.Options{Tied: true})
	embedding := read(t, open(t, tied), "model.embed_tokens.weight")
	for _, tt := range []struct {
		name    string
		change  func(out *checkpoints.Output)
		want    []string
		ignored []string
	}{
		{
			name:   "nothing",
			change: func(*checkpoints.Output) {},
		},
		{
			name: "many",
			change: func(out *checkpoints.Output) {
				remove(out, "model.norm.weight")
				replace(out, "model.layers.1.mlp.up_proj.weight", checkpoints.F32, 48, 31)
				replace(out, "model.layers.0.input_layernorm.weight", checkpoints.I32, 32)
				replace(out, "model.layers.0.self_attn.q_proj.bias", checkpoints.F32, 32)
				replace(out, "model.layers.2.input_layernorm.weight", checkpoints.F32, 32)
			},
			want: []string{
				"tensor model.layers.0.input_layernorm.weight has dtype I32, want F32, F16 or BF16",
				"tensor model.layers.1.mlp.up_proj.weight has shape [48 31], want [48 32]",
				"tensor model.norm.weight is missing, want shape [32]",
				"tensor model.layers.0.self_attn.q_proj.bias is not part of a LlamaForCausalLM of this config",
				"tensor model.layers.2.input_layernorm.weight is not part of a LlamaForCausalLM of this config",
			},
		},
		{
			name: "tables of old checkpoints",
			change: func(out *checkpoints.Output) {
				replace(out, "model.layers.0.self_attn.rotary_emb.inv_freq", checkpoints.F32, 4)
				replace(out, "mtp.head.weight", checkpoints.F32, 4)
			},
			ignored: []string{"model.layers.0.self_attn.rotary_emb.inv_freq", "mtp.head.weight"},
		},
		{
			name: "a tied head that is written out",
			change: func(out *checkpoints.Output) {
				s := embedding.Source()
				s.Name = "lm_head.weight"
				out.Tensors = append(out.Tensors, s)
			},
			ignored: []string{"lm_head.weight"},
		},
		{
			name:   "a tied head that differs",
			change: func(out *checkpoints.Output) { replace(out, "lm_head.weight", checkpoints.F32, 96, 32) },
			want:   []string{"tensor lm_head.weight differs from model.embed_tokens.weight, but config.json says tie_word_embeddings"},
		},
		{
			name:   "an untied head that is missing",
			change: func(out *checkpoints.Output) { setConfig(t, out, "tie_word_embeddings", false) },
			want:   []string{"tensor lm_head.weight is missing, want shape [96 32]: tie_word_embeddings is false"},
		},
		{
			name: "a tied head that is there instead of the embedding",
			change: func(out *checkpoints.Output) {
				remove(out, "model.embed_tokens.weight")
				replace(out, "lm_head.weight", checkpoints.F32, 96, 32)
			},
		},
		{
			name: "GPTQ or AWQ without a word in the config",
			change: func(out *checkpoints.Output) {
				for _, l := range []string{"model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"} {
					remove(out, l+".weight")
					replace(out, l+".qweight", checkpoints.I32, 4, 32)
					replace(out, l+".qzeros", checkpoints.I32, 1, 4)
					replace(out, l+".scales", checkpoints.F16, 1, 32)
				}
			},
			want: []string{"tensor model.layers.0.self_attn.q_proj.qweight and 5 more are part of weights quantized by GPTQ or AWQ, want plain F32, F16 or BF16"},
		},
		{
			name: "bitsandbytes",
			change: func(out *checkpoints.Output) {
				replace(out, "model.layers.0.self_attn.q_proj.weight", checkpoints.U8, 512, 1)
				replace(out, "model.layers.0.self_attn.q_proj.weight.absmax", checkpoints.F32, 16)
				replace(out, "model.layers.0.self_attn.q_proj.weight.quant_map", checkpoints.F32, 16)
				remove(out, "model.norm.weight") // is wrong beside it
			},
			want: []string{
				"tensor model.layers.0.self_attn.q_proj.weight.absmax and 2 more are part of weights quantized by bitsandbytes, want plain F32, F16 or BF16",
				"tensor model.norm.weight is missing, want shape [32]",
			},
		},
		{
			name: "compressed-tensors",
			change: func(out *checkpoints.Output) {
				remove(out, "model.layers.0.mlp.up_proj.weight")
				replace(out, "model.layers.0.mlp.up_proj.weight_packed", checkpoints.I32, 48, 4)
			},
			want: []string{"tensor model.layers.0.mlp.up_proj.weight_packed is part of weights quantized by compressed-tensors, want plain F32, F16 or BF16"},
		},
		{
			name:   "bytes",
			change: func(out *checkpoints.Output) { replace(out, "model.norm.weight", checkpoints.I8, 32) },
			want:   []string{"tensor model.norm.weight is part of weights quantized, want plain F32, F16 or BF16"},
		},
		{
			name: "a tower",
			change: func(out *checkpoints.Output) {
				for _, name := range []string{"visual.a.weight", "model.vision_tower.b", "multi_modal_projector.c"} {
					replace(out, name, checkpoints.F32, 2)
				}
			},
			want: []string{"tensor model.vision_tower.b and 2 more are part of a tower for images or sound, want the language model alone"},
		},
	} {
		dir := rewrite(t, tied, tt.change)
		r, err := convert.Inspect(dir)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(append([]string{}, tt.want...), r.Problems); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(append([]string{}, tt.ignored...), r.Ignored); diff != "" {
			t.Errorf("%s: ignored (-want +got):\n%s", tt.name, diff)
		}
		p, err := convert.NewPlan(dir, filepath.Join(t.TempDir(), "out"), convert.Options{Mixer: "mamba2"})
		e, refused := errors.AsType[*convert.ProblemsError](err)
		if refused != (len(tt.want) > 0) || !refused && err != nil {
			t.Errorf("%s: plan: got error %v", tt.name, err)
		}
		if refused && !strings.Contains(e.Error(), tt.want[0]) {
			t.Errorf("%s: the error does not name the first problem: %v", tt.name, err)
		}
		if p != nil && strings.Contains(fmt.Sprint(p.Tensors), "lm_head") {
			t.Errorf("%s: the plan writes a tied head", tt.name)
		}
	}
}

func TestProblemsErrorIsShort(t *testing.T) {
	e := &convert.ProblemsError{Path: "m", Problems: make([]string, 100)}
	if got := e.Error(); strings.Count(got, "\n") != 21 || !strings.HasSuffix(got, "and 80 more") {
		t.Errorf("100 problems are printed as:\n%s", got)
	}
}

// TestRefusals checks that what cannot be done is refused by the plan, and that
// nothing was written by then.
func TestRefusals(t *testing.T) {
	model := testmodel.Llama(t, testmodel.Options{})
	full := filepath.Join(t.TempDir(), "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, model, out string
		options          convert.Options
		want             string
	}{
		{name: "mixer", options: convert.Options{Mixer: "mamba3"}, want: `mixer "mamba3": there is no such mixer`},
		{name: "softmax", options: convert.Options{Mixer: "softmax"}, want: `mixer "softmax": softmax over all keys is what a conversion replaces`},
		{name: "keep", options: convert.Options{Mixer: "mamba2", Keep: "layers:2"}, want: `keep "layers:2": no layer 2: the model has layers 0 to 1`},
		{name: "seeding", options: convert.Options{Mixer: "mamba2", Seeding: "lolcats"}, want: `seeding "lolcats": does not fit mixer mamba2`},
		{name: "dtype", options: convert.Options{Mixer: "mamba2", DType: "fp8"}, want: `dtype "fp8": want f32, f16 or bf16`},
		{name: "shards", options: convert.Options{Mixer: "mamba2", MaxShardSize: -1}, want: `max-shard-size "-1": want more than 0`},
		{name: "full", out: full, options: convert.Options{Mixer: "mamba2"}, want: "folder is not empty: it holds precious"},
		{name: "itself", out: model, options: convert.Options{Mixer: "mamba2", Overwrite: true}, want: "output is the input"},
		{name: "absent", model: filepath.Join(full, "absent"), options: convert.Options{Mixer: "mamba2"}, want: "no such file or directory"},
	} {
		parent := t.TempDir()
		if tt.model == "" {
			tt.model = model
		}
		if tt.out == "" {
			tt.out = filepath.Join(parent, "out")
		}
		if _, err := convert.NewPlan(tt.model, tt.out, tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %s", tt.name, err, tt.want)
		}
		if left := contents(t, parent); len(left) > 0 {
			t.Errorf("%s: the refusal left %v", tt.name, left)
		}
	}
}

// TestF16Range checks that a number too large for F16 is refused, not made infinite.
func TestF16Range(t *testing.T) {
	model := rewrite(t, testmodel.Llama(t, testmodel.Options{}), func(out *checkpoints.Output) {
		values := make([]float32, 32)
		values[3] = 65520
		remove(out, "model.norm.weight")
		out.Tensors = append(out.Tensors, checkpoints.FromFloat32("model.norm.weight", []int{32}, values, checkpoints.F32))
	})
	parent := t.TempDir()
	p, err := convert.NewPlan(model, filepath.Join(parent, "out"), convert.Options{Mixer: "mamba2", DType: "f16"})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Write(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "tensor model.norm.weight: element 3 is 65520, which F16 cannot hold") {
		t.Errorf("got error %v, want one that names the tensor", err)
	}
	if left := contents(t, parent); len(left) > 0 {
		t.Errorf("the failed conversion left %v", left)
	}
}

// TestPartsOfOneDType: what several tensors of the files make up has one dtype.
func TestPartsOfOneDType(t *testing.T) {
	const odd = "model.layers.1.self_attn.q_layernorm.norms.1.weight"
	model := rewrite(t, testdata.Family(t, "stablelm-parallel"), func(out *checkpoints.Output) {
		for _, s := range out.Tensors {
			if s.Name == odd {
				replace(out, odd, checkpoints.F32, s.Shape...)
			}
		}
	})
	_, err := convert.NewPlan(model, filepath.Join(t.TempDir(), "out"), convert.Options{Mixer: "hedgehog"})
	want := "tensor " + odd + " has dtype F32, want BF16 as model.layers.1.self_attn.q_layernorm.norms.0.weight has"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// TestHeadServesAsEmbedding: of a tied model whose files hold the head only, the
// student has the embedding.
func TestHeadServesAsEmbedding(t *testing.T) {
	teacher := testdata.Family(t, "gpt2-old-names")
	model := rewrite(t, teacher, func(out *checkpoints.Output) {
		for i, s := range out.Tensors {
			if s.Name == "wte.weight" {
				out.Tensors[i].Name = "lm_head.weight"
			}
		}
	})
	if r, err := convert.Inspect(model); err != nil || len(r.Problems) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	if !slices.Equal(logits(t, model), logits(t, teacher)) {
		t.Error("the logits are others than with the embedding")
	}
	out := convertTo(t, model, convert.Options{Mixer: "hedgehog", Keep: "all"})
	if !slices.Equal(logits(t, out), logits(t, teacher)) {
		t.Error("the student's logits are others than the teacher's")
	}
}

// TestConfig checks what becomes of config.json.
func TestConfig(t *testing.T) {
	model := rewrite(t, testmodel.Llama(t, testmodel.Options{}), func(out *checkpoints.Output) {
		for _, key := range []string{"rope_theta", "rope_scaling", "tie_word_embeddings"} {
			out.Config.Delete(key)
		}
		setConfig(t, out, "rope_parameters", map[string]any{"rope_type": "default", "rope_theta": 5e5, "odd": 1})
		setConfig(t, out, "num_key_value_heads", nil)
		setConfig(t, out, "num_attention_heads", 2)
		setConfig(t, out, "head_dim", 8)
		setConfig(t, out, "auto_map", map[string]any{"AutoModel": "modeling_x.X"})
		setConfig(t, out, "nobody_knows_this", []any{1e-5, "<&>"})
		for _, l := range []string{"0", "1"} {
			for name, shape := range map[string][]int{"q": {16, 32}, "o": {32, 16}} {
				replace(out, "model.layers."+l+".self_attn."+name+"_proj.weight", checkpoints.F32, shape...)
			}
		}
	})
	files := contents(t, convertTo(t, model, convert.Options{Mixer: "hedgehog,window=4", Keep: "first:1", Version: "v1"}))
	var got map[string]any
	if err := json.Unmarshal(files["config.json"], &got); err != nil {
		t.Fatal(err)
	}
	rope := map[string]any{"rope_type": "default", "rope_theta": 5e5, "odd": 1.0}
	for key, want := range map[string]any{
		"model_type": "linearize", "architectures": []any{"LinearizeForCausalLM"},
		"teacher_model_type": "llama", "teacher_architectures": []any{"LlamaForCausalLM"},
		"rope_theta": 5e5, "rope_parameters": rope, "rope_scaling": nil,
		"num_key_value_heads": 2.0, "head_dim": 8.0, "tie_word_embeddings": false,
		"torch_dtype": "float32", "dtype": "float32",
		"nobody_knows_this": []any{1e-5, "<&>"}, "auto_map": nil,
	} {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if !bytes.Contains(files["config.json"], []byte(`"<&>"`)) {
		t.Error("an unknown key is not written as it was read")
	}
	student, err := arch.Describe(files["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"softmax", "hedgehog,window=4"}, specs(student)); diff != "" {
		t.Errorf("mixers (-want +got):\n%s", diff)
	}
	var made map[string]any
	if err := json.Unmarshal(files["linearize.json"], &made); err != nil {
		t.Fatal(err)
	}
	if made["version"] != "v1" || made["mixer"] != "hedgehog,window=4" || made["seeding"] != "lolcats" {
		t.Errorf("linearize.json says %v", made)
	}
	digests := made["source"].(map[string]any)["digests"].(map[string]any)
	if want := fmt.Sprintf("xxh128:%x", xxh3.Hash128(contents(t, model)["model.safetensors"]).Bytes()); digests["model.safetensors"] != want {
		t.Errorf("linearize.json has the digest %v, want %s", digests, want)
	}
	if card := string(files["README.md"]); !strings.HasPrefix(card, "---\nlibrary_name: linearize\n") ||
		!strings.Contains(card, "replaced the softmax attention of 1 of 2 layers") {
		t.Errorf("the card is\n%s", card)
	}
}

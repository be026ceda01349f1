package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// packings are the ends of tensor names beside quantized weights, and who writes them.
var packings = []struct{ end, by string }{
	{".qweight", "GPTQ or AWQ"},
	{".qzeros", "GPTQ or AWQ"},
	{".scales", "GPTQ or AWQ"},
	{".g_idx", "GPTQ"},
	{".SCB", "bitsandbytes"},
	{".weight_format", "bitsandbytes"},
	{".weight.absmax", "bitsandbytes"},
	{".weight.nested_absmax", "bitsandbytes"},
	{".weight.quant_map", "bitsandbytes"},
	{".weight.nested_quant_map", "bitsandbytes"},
	{".weight.quant_state.bitsandbytes__nf4", "bitsandbytes"},
	{".weight.quant_state.bitsandbytes__fp4", "bitsandbytes"},
	{".weight_packed", "compressed-tensors"},
	{".weight_shape", "compressed-tensors"},
	{".weight_zero_point", "compressed-tensors"},
	{".weight_scale", "compressed-tensors or FP8"},
	{".weight_scale_inv", "FP8"},
	{".input_scale", "FP8"},
	{".activation_scale", "FP8"},
	{"_blocks", "MXFP4"},
	{"_scales", "MXFP4"},
}

// bytesOnly are the dtypes that weights have when they are packed.
var bytesOnly = []checkpoints.DType{checkpoints.I8, checkpoints.U8}

// quantized takes the tensors of quantized weights out of the strange ones, as one
// problem, and returns the modules whose weights they are.
func (v *inventory) quantized(known map[string]bool, strange []string) (modules map[string]bool, rest []string) {
	modules = map[string]bool{}
	var found []string
	by := ""
	for _, name := range strange {
		i := slices.IndexFunc(packings, func(p struct{ end, by string }) bool { return strings.HasSuffix(name, p.end) })
		if i < 0 {
			rest = append(rest, name)
			continue
		}
		if by == "" {
			by = " by " + packings[i].by
		}
		found = append(found, name)
		modules[strings.TrimSuffix(name, packings[i].end)] = true
	}
	for _, name := range v.folder.Names() {
		if info, _ := v.folder.Folder.Info(name); known[name] && slices.Contains(bytesOnly, info.DType) {
			found = append(found, name)
			modules[moduleOf(name)] = true
		}
	}
	if len(found) > 0 {
		v.problem("tensor %s%s of weights quantized%s, want plain F32, F16 or BF16", found[0], more(found), by)
		v.hint = "get the model in BF16 or F16, as it was before it was quantized"
	}
	return modules, rest
}

// moduleOf is the module of a weight or a bias.
func moduleOf(tensor string) string {
	module, _, _ := strings.CutLast(tensor, ".")
	return module
}

// towerPrefixes begin the names of tensors of what looks and listens.
var towerPrefixes = []string{
	"vision_tower.", "vision_model.", "multi_modal_projector.", "visual.", "audio_tower.", "embed_vision.",
}

// towers takes the tensors of other towers than that of language out of the strange
// ones, as one problem.
func (v *inventory) towers(strange []string) (rest []string) {
	var found []string
	for _, name := range strange {
		short := strings.TrimPrefix(name, "model.")
		if slices.ContainsFunc(towerPrefixes, func(prefix string) bool { return strings.HasPrefix(short, prefix) }) {
			found = append(found, name)
		} else {
			rest = append(rest, name)
		}
	}
	if len(found) == 0 {
		return rest
	}
	v.problem("tensor %s%s of a tower for images or sound, want the language model alone", found[0], more(found))
	if family, ok := strings.CutSuffix(v.model.Family, "ForConditionalGeneration"); ok {
		v.hint = fmt.Sprintf("take the language model out in Python: m = %[1]sForConditionalGeneration.from_pretrained(MODEL, dtype=\"auto\"); "+
			"t = %[1]sForCausalLM(m.config.text_config); t.model, t.lm_head = m.model.language_model, m.lm_head; t.save_pretrained(OUT); "+
			"and copy the files of the tokenizer", family)
	}
	return rest
}

// more goes between the first name of a list and "of".
func more(names []string) string {
	switch len(names) {
	case 1:
		return " is part"
	case 2:
		return " and another one are part"
	}
	return fmt.Sprintf(" and %d more are part", len(names)-1)
}

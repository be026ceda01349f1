package arch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/typo"
)

// UnsupportedError reports an architecture that no row covers.
type UnsupportedError struct {
	Architecture string // first entry of config.json's "architectures"; "" when there is none
	ModelType    string
	Why          string // what the model is that no row can say, "a mixture of experts"; "" when that is not known
	Nearest      string // the supported architecture that is most like it
}

func (e *UnsupportedError) Error() string {
	if e.Architecture == "" {
		return fmt.Sprintf("config.json: architectures is missing or empty (model_type %q), want the name of a class, as %s", e.ModelType, e.Nearest)
	}
	why := ""
	if e.Why != "" {
		why = ": it is " + e.Why
	}
	if e.ModelType == "" {
		return fmt.Sprintf("%s is not supported%s", e.Architecture, why)
	}
	return fmt.Sprintf("config.json: architectures %q (model_type %q) is not supported%s", e.Architecture, e.ModelType, why)
}

// Hint names the nearest one that is.
func (e *UnsupportedError) Hint() string {
	_, about := AboutFamily(e.Nearest)
	return fmt.Sprintf("the nearest supported one is %s (%s); `linearize families` lists all", e.Nearest, about)
}

// Unsupported returns an [*UnsupportedError] for an architecture, or a model_type, of
// which nothing but the name is known.
func Unsupported(name string) error {
	for _, known := range sorted(relatives) {
		if stem, _ := cutHead(known); plain(stem) == plain(name) { // a model_type
			r := relatives[known]
			return &UnsupportedError{Architecture: name, Why: r.is, Nearest: r.nearest}
		}
	}
	return unsupported(name, "", nil)
}

// unsupported says all that a name and a config tell about a model that no row covers.
func unsupported(architecture, modelType string, raw map[string]json.RawMessage) error {
	e := &UnsupportedError{Architecture: architecture, ModelType: modelType}
	if r, ok := relatives[architecture]; ok {
		e.Why, e.Nearest = r.is, r.nearest
		return e
	}
	e.Nearest = nearest(architecture, modelType, raw)
	stem, head := cutHead(architecture)
	sibling, _ := cutHead(e.Nearest)
	switch {
	case isTrue(raw["is_encoder_decoder"]):
		e.Why = encoderDecoder
	case strings.HasSuffix(architecture, "ForMaskedLM"):
		e.Why = encoder
	case slices.ContainsFunc(towerConfigs, func(key string) bool { return set(raw[key]) }):
		e.Why = tower
	case slices.ContainsFunc(expertKeys, func(key string) bool { return positive(raw[key]) }):
		e.Why = experts
	case stem == sibling:
		e.Why = otherHeads[head]
	}
	return e
}

// relative is what is known of an architecture without a row.
type relative struct{ is, nearest string }

const (
	experts        = "a mixture of experts"
	encoderDecoder = "an encoder with a decoder"
	encoder        = "an encoder, whose attention sees the tokens to come"
	tower          = "a language model with a tower for images or sound"
	recurrent      = "of linear layers already"
	latent         = "one whose attention keeps compressed keys and values (MLA)"
	sharedKeys     = "one whose layers share keys and values"
	alibi          = "one whose positions are slopes of the scores (ALiBi)"
)

// towerConfigs are the keys under which configs describe what is not language.
var towerConfigs = []string{"vision_config", "audio_config", "visual"}

// relatives are the models that people ask for most.
var relatives = map[string]relative{
	"MixtralForCausalLM":        {experts, "MistralForCausalLM"},
	"Qwen2MoeForCausalLM":       {experts, "Qwen2ForCausalLM"},
	"Qwen3MoeForCausalLM":       {experts, "Qwen3ForCausalLM"},
	"Qwen3_5MoeForCausalLM":     {experts, "Qwen3_5ForCausalLM"},
	"Qwen3NextForCausalLM":      {experts, "Qwen3_5ForCausalLM"},
	"OlmoeForCausalLM":          {experts, "OlmoForCausalLM"},
	"FlexOlmoForCausalLM":       {experts, "Olmo2ForCausalLM"},
	"PhimoeForCausalLM":         {experts, "Phi3ForCausalLM"},
	"PhiMoEForCausalLM":         {experts, "Phi3ForCausalLM"},
	"GptOssForCausalLM":         {experts, "LlamaForCausalLM"},
	"Glm4MoeForCausalLM":        {experts, "Glm4ForCausalLM"},
	"GraniteMoeForCausalLM":     {experts, "GraniteForCausalLM"},
	"Ernie4_5_MoeForCausalLM":   {experts, "LlamaForCausalLM"},
	"MiniMaxForCausalLM":        {experts, "MistralForCausalLM"},
	"MiniMaxM2ForCausalLM":      {experts, "MistralForCausalLM"},
	"DbrxForCausalLM":           {experts, "LlamaForCausalLM"},
	"Llama4ForCausalLM":         {experts, "LlamaForCausalLM"},
	"DeepseekV2ForCausalLM":     {experts + " with MLA", "LlamaForCausalLM"},
	"DeepseekV3ForCausalLM":     {experts + " with MLA", "LlamaForCausalLM"},
	"KimiLinearForCausalLM":     {experts + " with MLA", "Qwen3_5ForCausalLM"},
	"JambaForCausalLM":          {experts, "GraniteMoeHybridForCausalLM"},
	"MiniCPM3ForCausalLM":       {latent, "GraniteForCausalLM"},
	"Gemma3nForCausalLM":        {sharedKeys, "Gemma3ForCausalLM"},
	"Gemma4ForCausalLM":         {sharedKeys, "Gemma3ForCausalLM"},
	"BloomForCausalLM":          {alibi, "GPTNeoXForCausalLM"},
	"MptForCausalLM":            {alibi, "GPTNeoXForCausalLM"},
	"MambaForCausalLM":          {recurrent, "GraniteMoeHybridForCausalLM"},
	"Mamba2ForCausalLM":         {recurrent, "GraniteMoeHybridForCausalLM"},
	"FalconMambaForCausalLM":    {recurrent, "GraniteMoeHybridForCausalLM"},
	"BambaForCausalLM":          {recurrent + ", but for a few", "GraniteMoeHybridForCausalLM"},
	"FalconH1ForCausalLM":       {recurrent + ", beside attention", "GraniteMoeHybridForCausalLM"},
	"NemotronHForCausalLM":      {recurrent + ", but for a few", "GraniteMoeHybridForCausalLM"},
	"Zamba2ForCausalLM":         {recurrent + ", but for a few", "GraniteMoeHybridForCausalLM"},
	"OlmoHybridForCausalLM":     {recurrent + ", but for a few", "Qwen3_5ForCausalLM"},
	"RecurrentGemmaForCausalLM": {recurrent + ", but for a few", "GemmaForCausalLM"},
	"RwkvForCausalLM":           {recurrent, "LlamaForCausalLM"},
	"xLSTMForCausalLM":          {recurrent, "LlamaForCausalLM"},
	"Lfm2ForCausalLM":           {"of convolutions, but for a few layers", "Qwen3ForCausalLM"},

	"T5ForConditionalGeneration":         {encoderDecoder, "LlamaForCausalLM"},
	"MT5ForConditionalGeneration":        {encoderDecoder, "LlamaForCausalLM"},
	"BartForConditionalGeneration":       {encoderDecoder, "GPT2LMHeadModel"},
	"MBartForConditionalGeneration":      {encoderDecoder, "GPT2LMHeadModel"},
	"PegasusForConditionalGeneration":    {encoderDecoder, "GPT2LMHeadModel"},
	"MarianMTModel":                      {encoderDecoder, "GPT2LMHeadModel"},
	"M2M100ForConditionalGeneration":     {encoderDecoder, "GPT2LMHeadModel"},
	"WhisperForConditionalGeneration":    {encoderDecoder, "GPT2LMHeadModel"},
	"T5GemmaForConditionalGeneration":    {encoderDecoder, "Gemma2ForCausalLM"},
	"BertModel":                          {encoder, "GPT2LMHeadModel"},
	"RobertaModel":                       {encoder, "GPT2LMHeadModel"},
	"XLMRobertaModel":                    {encoder, "GPT2LMHeadModel"},
	"LlavaForConditionalGeneration":      {tower, "LlamaForCausalLM"},
	"LlavaNextForConditionalGeneration":  {tower, "MistralForCausalLM"},
	"MllamaForConditionalGeneration":     {tower, "LlamaForCausalLM"},
	"Llama4ForConditionalGeneration":     {tower + ", and " + experts, "LlamaForCausalLM"},
	"Mistral3ForConditionalGeneration":   {tower, "MistralForCausalLM"},
	"Qwen2VLForConditionalGeneration":    {tower, "Qwen2ForCausalLM"},
	"Qwen2_5_VLForConditionalGeneration": {tower, "Qwen2ForCausalLM"},
	"Qwen3VLForConditionalGeneration":    {tower, "Qwen3ForCausalLM"},
	"Qwen3_5ForConditionalGeneration":    {tower, "Qwen3_5ForCausalLM"},
	"Gemma3nForConditionalGeneration":    {tower, "Gemma3ForCausalLM"},
	"Gemma4ForConditionalGeneration":     {tower, "Gemma3ForCausalLM"},
	"PaliGemmaForConditionalGeneration":  {tower, "GemmaForCausalLM"},
	"Idefics3ForConditionalGeneration":   {tower, "LlamaForCausalLM"},
	"SmolVLMForConditionalGeneration":    {tower, "LlamaForCausalLM"},

	// Decoders that a row could come to say.
	"ApertusForCausalLM":    {"", "LlamaForCausalLM"},
	"Cohere2ForCausalLM":    {"", "CohereForCausalLM"},
	"FalconForCausalLM":     {"", "GPTNeoXForCausalLM"},
	"GPTBigCodeForCausalLM": {"", "GPT2LMHeadModel"},
	"GPTJForCausalLM":       {"", "GPTNeoXForCausalLM"},
	"GPTNeoForCausalLM":     {"", "GPT2LMHeadModel"},
	"GlmForCausalLM":        {"", "Glm4ForCausalLM"},
	"InternLM2ForCausalLM":  {"", "LlamaForCausalLM"},
	"MiniCPMForCausalLM":    {"", "GraniteForCausalLM"},
	"OPTForCausalLM":        {"", "GPT2LMHeadModel"},
	"PersimmonForCausalLM":  {"", "NemotronForCausalLM"},
	"VaultGemmaForCausalLM": {"", "Gemma2ForCausalLM"},
	"QWenLMHeadModel":       {"", "Qwen2ForCausalLM"},
}

// otherHeads are the ends of class names, and what models of such a class are when
// their family has a row.
var otherHeads = map[string]string{
	"ForCausalLM":               "",
	"LMHeadModel":               "",
	"Model":                     "a model without the head that gives logits",
	"ForSequenceClassification": "a classifier",
	"ForTokenClassification":    "a classifier of tokens",
	"ForQuestionAnswering":      "a model that marks answers in a text",
	"ForConditionalGeneration":  tower,
	"DoubleHeadsModel":          "a model with a second head",
	"ForMultipleChoice":         "a classifier",
	"ForImageTextToText":        tower,
	"ForTextEncoding":           "a model without the head that gives logits",
	"ForRewardModel":            "a classifier",
}

// cutHead cuts a class name in two: "Llama", "ForCausalLM".
func cutHead(architecture string) (stem, head string) {
	for end := range otherHeads {
		if s, ok := strings.CutSuffix(architecture, end); ok && len(end) > len(head) {
			stem, head = s, end
		}
	}
	if head == "" {
		return architecture, ""
	}
	return stem, head
}

// nearest is the supported architecture whose name, or model_type, takes the fewest
// changes. Where that is hardly the same name any more, the config's keys decide.
func nearest(architecture, modelType string, raw map[string]json.RawMessage) string {
	stem, _ := cutHead(architecture)
	best, least := "", 1.0
	for _, candidate := range Families() { // of equals the first: Gemma3ForCausalLM before the wrapped one
		theirs, _ := cutHead(candidate)
		off := min(unlikeness(stem, theirs), unlikeness(modelType, families[candidate].modelTypes[0]))
		if off < least {
			best, least = candidate, off
		}
	}
	switch {
	case least < 0.3:
		return best
	case set(raw["n_embd"]):
		return "GPT2LMHeadModel"
	}
	return "LlamaForCausalLM"
}

// unlikeness is how much of two names differs, from 0 to 1, whatever their case. A
// name that begins with another, but for its number, is rather like it.
func unlikeness(a, b string) float64 {
	a, b = plain(a), plain(b)
	if a == "" || b == "" {
		return 1
	}
	off := float64(typo.Distance(a, b)) / float64(max(len(a), len(b)))
	if strings.HasPrefix(a, strings.TrimRight(b, "0123456789")) {
		off = min(off, 0.2+0.01*off)
	}
	return off
}

// plain is a name without what two spellings of it differ in.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}

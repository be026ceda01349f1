// Package tokenizer turns text into token ids and back, as the tokenizer files of a
// Hugging Face folder say.
//
// [Load] reads a folder: its tokenizer.json, else its tokenizer.model, else vocab.json
// and merges.txt; [Parse] reads the bytes of a tokenizer.json. [Tokenizer.Encode] gives
// what a model is fed (with the special tokens of the file's template),
// [Tokenizer.EncodePlain] leaves those out, [Tokenizer.Decode] goes back, and
// [Tokenizer.Stream] goes back one id at a time for text that is being
// generated. [Train] learns a new byte-level vocabulary.
//
// Two models spell words in tokens. Byte-pair encoding has two dialects: byte-level
// (GPT-2, Qwen, Llama 3) over words cut by a pattern, and SentencePiece style (Llama 2,
// Gemma, Mistral) over runes, with bytes as fallback. Unigram (T5, Helium) takes the
// tokens with the best sum of scores. The steps are those of the file: added tokens are
// cut out, the rest is normalized, cut into words, spelled, and framed by the template.
//
// # Limits
//
// One sequence, no pairs or dropout; no WordPiece, WordLevel or tiktoken files. Whatever
// a file asks for and this package does not do is an error that names the key, its value
// and the choices; all of them at once. The exceptions are the sections truncation and
// padding of a tokenizer.json: they are about batches, and like transformers, which
// switches both off until a caller asks, this package does not let them change the ids of
// a long or short text. A character that the vocabulary can spell in no way, not even in
// bytes, becomes the unknown token, or nothing where the file has none.
//
// # Compatibility
//
// Ids and texts equal those of Hugging Face's tokenizers (checked against 0.23.3), with
// two exceptions. Its Unicode tables are older than Go's, so that characters added to
// Unicode since may be cut or normalized differently. And Decode leaves out every special
// token when asked; tokenizers keeps those that the file also has it look for in
// normalized text. Text that is not valid UTF-8, which tokenizers cannot be given, is kept
// where no step rewrites it: an invalid byte counts as U+FFFD when text is cut and as
// itself when it is encoded.
//
// A tokenizer.json is all there is to say: tokenizer_config.json beside it is not read.
// transformers 5 drops its add_bos_token and add_eos_token then, too, but has classes
// (LlamaTokenizer among them) that take only vocabulary and template from the file and
// put the rest together themselves: texts that begin with a space or "▁", and what follows
// a special token, may get other ids there than tokenizers gives.
//
// Text under a tokenizer.model gets the ids of sentencepiece (checked against 0.2.3),
// extra spaces and character map included. Control and unknown pieces written out in the
// text are tokens, as in transformers. A space is put before the text as the model says,
// or add_prefix_space; with "legacy": true also before what follows a special token.
// add_bos_token and add_eos_token count; without the former, Llama and Gemma classes add
// BOS, as their documentation says. Decoding shows an unknown token by its name.
package tokenizer

import "unicode/utf8"

// A Tokenizer is safe for use by several goroutines at once.
type Tokenizer struct {
	tokens    []token // by id
	added     *addedTokens
	normalize normalizer
	words     splitter // nil: a segment is one word
	model     model
	prefix    []int // ids that the template puts before the text
	suffix    []int // and after it
	decoder   decoder
}

// token is one entry of the id table; ids that nothing claims have ok false.
type token struct {
	text    string
	spelled string // what the decoder gets: for an added token looked for in normalized text, that form of it
	ok      bool
	special bool
}

// Parse reads the content of a tokenizer.json; name stands in its errors.
func Parse(name string, data []byte) (*Tokenizer, error) {
	doc := &document{name: name}
	t := build(doc.root(data))
	if err := doc.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// build reads the whole document; what is wrong with it is noted in the
// document, and the result is only good when nothing is.
func build(root node) *Tokenizer {
	top := root.object("version", "truncation", "padding", "added_tokens", "normalizer",
		"pre_tokenizer", "post_processor", "decoder", "model")
	if v := top.get("version"); !v.null() && v.text() != "1.0" {
		v.unsupported(`"1.0"`)
	}
	t := &Tokenizer{normalize: readNormalizer(top.get("normalizer"))}
	words, byteLevel := readPreTokenizer(top.get("pre_tokenizer"))
	t.words = words
	t.model = readModel(top.get("model"), byteLevel)
	t.decoder = readDecoder(top.get("decoder"))
	if root.doc.failed() {
		return nil
	}
	if m, ok := t.model.(*bpe); ok && m.markSplits() {
		t.words = chain(t.words, splitAtMarks)
	}
	t.tokens = t.model.table()
	t.added = readAdded(top.get("added_tokens"), t)
	t.prefix, t.suffix = readTemplate(top.get("post_processor"), t)
	return t
}

// Encode returns the ids of text with the special tokens that the file's
// template adds, such as a first BOS. Special tokens written out in the text
// become their ids.
func (t *Tokenizer) Encode(text string) []int {
	ids := make([]int, 0, len(t.prefix)+len(text)/3+len(t.suffix)+1)
	ids = append(ids, t.prefix...)
	ids = t.encode(ids, text)
	return append(ids, t.suffix...)
}

// EncodePlain returns the ids of text alone, without what the template adds.
func (t *Tokenizer) EncodePlain(text string) []int {
	return t.encode(make([]int, 0, len(text)/3+1), text)
}

func (t *Tokenizer) encode(ids []int, text string) []int {
	word := func(w string, _ bool) { ids = t.model.append(ids, w) }
	found := func(id int) { ids = append(ids, id) }
	t.added.raw.cut(text, found, func(segment string, from int) {
		lead := 0
		if from == 0 {
			_, lead = utf8.DecodeRuneInString(segment)
		}
		if t.normalize != nil {
			segment, lead = t.normalize(segment, lead)
		}
		t.added.normalized.cut(segment, found, func(segment string, from int) {
			if t.words == nil {
				word(segment, false)
				return
			}
			t.words(segment, lead > 0 && from == 0, word)
		})
	})
	return ids
}

// Size returns the highest id plus one: the rows that an embedding needs at least.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// ID returns the id of a token by its text in the file (in a byte-level file
// "Ġthe", not " the").
func (t *Tokenizer) ID(text string) (int, bool) {
	if id, ok := t.added.ids[text]; ok {
		return id, true
	}
	return t.model.lookup(text)
}

// Token returns the text in the file of the token with this id.
func (t *Tokenizer) Token(id int) (string, bool) {
	if id < 0 || id >= len(t.tokens) {
		return "", false
	}
	return t.tokens[id].text, t.tokens[id].ok
}

// IsSpecial reports whether the file marks the token as special, as BOS and EOS
// are: Decode leaves it out on request.
func (t *Tokenizer) IsSpecial(id int) bool {
	return id >= 0 && id < len(t.tokens) && t.tokens[id].special
}

package tokenizer

// model spells words in tokens.
type model interface {
	// append appends the ids of one word that is not empty.
	append(ids []int, word string) []int
	// lookup returns the id of a token by its text.
	lookup(text string) (id int, ok bool)
	// table returns the vocabulary by id, for the caller to keep.
	table() []token
	// entries is how many tokens the file lists: added ones are numbered from there.
	entries() int
}

var (
	_ model = (*bpe)(nil)
	_ model = (*unigram)(nil)
)

// readModel reads the model; byteLevel is what the pre-tokenizer says.
func readModel(n node, byteLevel bool) model {
	if n.null() {
		n.fail("missing, want an object")
		return nil
	}
	kind, at := n.kind()
	switch kind {
	case "BPE":
		return readBPE(n, byteLevel)
	case "Unigram":
		if byteLevel {
			at.fail("Unigram with a ByteLevel pre-tokenizer is not supported; supported: BPE")
			return nil
		}
		return readUnigram(n)
	default:
		at.unsupported(`"BPE"`, `"Unigram"`)
		return nil
	}
}

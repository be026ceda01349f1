package tokenizer

import "encoding/json"

// readTemplate returns the ids that the post-processor puts before and after a
// text.
func readTemplate(n node, t *Tokenizer) (prefix, suffix []int) {
	if n.null() {
		return nil, nil
	}
	switch kind, at := n.kind(); kind {
	case "ByteLevel": // it only moves offsets, which are not kept
		o := n.object("type", "add_prefix_space", "trim_offsets", "use_regex")
		for _, key := range []string{"add_prefix_space", "trim_offsets", "use_regex"} {
			o.get(key).booleanOr(true)
		}
		return nil, nil
	case "TemplateProcessing":
		return readSingle(n, t)
	case "Sequence":
		// A later step frames what the earlier ones made.
		for _, child := range n.object("type", "processors").get("processors").list() {
			before, after := readTemplate(child, t)
			prefix, suffix = append(before, prefix...), append(suffix, after...)
		}
		return prefix, suffix
	default:
		at.unsupported("ByteLevel", "Sequence", "TemplateProcessing")
		return nil, nil
	}
}

// readSingle reads the template for one text; the one for pairs is not used.
func readSingle(n node, t *Tokenizer) (prefix, suffix []int) {
	o := n.object("type", "single", "pair", "special_tokens")
	special := object{at: o.get("special_tokens")}
	if !special.at.null() {
		special.fields = decode[map[string]json.RawMessage](special.at, "an object")
	}
	seen := false
	for _, piece := range o.get("single").list() {
		p := piece.object("SpecialToken", "Sequence")
		if seq := p.get("Sequence"); !seq.null() {
			if at := seq.object("id", "type_id").get("id"); at.text() != "A" || seen {
				at.unsupported(`"A", once`)
			}
			seen = true
			continue
		}
		name := p.get("SpecialToken").object("id", "type_id").get("id").text()
		ids := special.get(name).object("id", "ids", "tokens").get("ids")
		for _, at := range ids.list() {
			id := at.integer()
			if _, ok := t.Token(id); !ok {
				at.fail("got %d, want the id of a token", id)
				continue
			}
			if seen {
				suffix = append(suffix, id)
			} else {
				prefix = append(prefix, id)
			}
		}
	}
	if !seen {
		o.get("single").fail("want the text itself (Sequence A) in the template")
	}
	return prefix, suffix
}
